import assert from 'node:assert/strict';
import { mlxPairs, peftPairs } from '../../../src/engine/adapter/pairs';
import { rawHeader } from '../../helpers/rawSafetensors';

const PREFIX = 'base_model.model.';
const Q = 'model.layers.0.self_attn.q_proj';

describe('peftPairs', () => {
  it('lists what stands beside the pairs, and what it is to its module', () => {
    const header = rawHeader({
      ...pair(Q),
      [`${PREFIX}${Q}.lora_magnitude_vector`]: [64],
      [`${PREFIX}${Q}.base_layer.bias`]: [64],
      [`${PREFIX}${Q}.lora_B.bias`]: [64],
      [`${PREFIX}model.layers.0.input_layernorm.weight`]: [64],
      [`${PREFIX}lm_head.token_adapter.trainable_tokens_delta`]: [3, 64],
      [`${PREFIX}lm_head.base_layer.weight`]: [320, 64],
      [`${PREFIX}model.embed_tokens.modules_to_save.default.weight`]: [320, 64],
    });

    const { pairs, extras, problems } = peftPairs(header);

    assert.deepEqual(
      pairs.map(({ name }) => name),
      [Q],
    );
    assert.deepEqual(
      extras.map(({ name, role, entry }) => [name, role, entry.shape[0]]),
      [
        [Q, 'magnitude', 64],
        [Q, 'bias', 64],
        [Q, 'b-bias', 64],
        ['model.layers.0.input_layernorm', 'saved-module', 64],
        ['lm_head', 'token-rows', 3],
        ['lm_head', 'base-copy', 320],
        ['model.embed_tokens', 'saved-module', 320],
      ],
    );
    assert.deepEqual(
      problems.map(({ code, blocks }) => [code, blocks]),
      [
        ['dora', 'gguf'],
        ['bias-trained', 'gguf'],
        ['lora-bias', 'gguf'],
        ['saved-tensor', 'gguf'],
        ['trainable-tokens', 'gguf'],
        ['base-copy', undefined],
      ],
    );
  });

  it('refuses two tensors of one role, whatever stands in their names', () => {
    const { problems } = peftPairs(
      rawHeader({ ...pair(Q), [`${PREFIX}${Q}.bias`]: [64], [`${PREFIX}${Q}.base_layer.bias`]: [64] }),
    );

    assert.ok(problems.some(({ code, severity }) => code === 'tensor-twice' && severity === 'refuse'));
  });
});

describe('mlxPairs', () => {
  it('lists the magnitudes of DoRA', () => {
    const { extras } = mlxPairs(rawHeader({ [`${Q}.lora_a`]: [64, 4], [`${Q}.lora_b`]: [4, 64], [`${Q}.m`]: [64] }));

    assert.deepEqual(
      extras.map(({ name, role }) => [name, role]),
      [[Q, 'magnitude']],
    );
  });
});

function pair(module: string): Readonly<Record<string, readonly number[]>> {
  return { [`${PREFIX}${module}.lora_A.weight`]: [4, 64], [`${PREFIX}${module}.lora_B.weight`]: [64, 4] };
}
