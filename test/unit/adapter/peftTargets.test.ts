import assert from 'node:assert/strict';
import { parseConfig } from '../../../src/engine/adapter/config';
import { readTargets } from '../../../src/engine/adapter/peftTargets';

const Q = 'model.layers.3.self_attn.q_proj';
const DOWN = 'model.layers.11.mlp.down_proj';

describe('readTargets', () => {
  const cases: readonly (readonly [Record<string, unknown>, string, boolean | undefined])[] = [
    [{ target_modules: ['q_proj'] }, Q, true],
    [{ target_modules: ['self_attn.q_proj'] }, Q, true],
    [{ target_modules: [Q] }, Q, true],
    [{ target_modules: ['q_proj'] }, DOWN, false],
    [{ target_modules: ['proj'] }, Q, false],
    [{ target_modules: ['lm_head'] }, 'lm_head', true],
    [{ target_modules: '.*\\.(q|k)_proj' }, Q, true],
    [{ target_modules: '(q|k)_proj' }, Q, false],
    [{ target_modules: '(?!x).*' }, Q, undefined],
    [{ target_modules: 'all-linear' }, Q, undefined],
    [{ target_modules: ['q_proj'], exclude_modules: ['layers.3.self_attn.q_proj'] }, Q, false],
    [{ target_modules: ['q_proj'], exclude_modules: '.*v_proj' }, Q, true],
    [{ target_modules: ['q_proj'], exclude_modules: '(?=x)' }, Q, undefined],
    [{ target_modules: ['q_proj'], layers_to_transform: [3] }, Q, true],
    [{ target_modules: ['q_proj'], layers_to_transform: 3 }, Q, true],
    [{ target_modules: ['q_proj'], layers_to_transform: [1, 2] }, Q, false],
    [{ target_modules: ['q_proj'], layers_to_transform: [] }, Q, true],
    [{ target_modules: ['q_proj'], layers_to_transform: [3], layers_pattern: 'layers' }, Q, true],
    [{ target_modules: ['q_proj'], layers_to_transform: [3], layers_pattern: ['h'] }, Q, false],
    [{ target_modules: ['q_proj'], layers_to_transform: [3], layers_pattern: 'la.*' }, Q, undefined],
    // PEFT does not count layers of modules that a regular expression finds.
    [{ target_modules: '.*q_proj', layers_to_transform: [1] }, Q, true],
    [{ target_parameters: ['q_proj.weight', 'mlp.experts.down_proj'] }, Q, true],
    [{ target_parameters: ['q_proj.weight'] }, DOWN, false],
    [{ target_parameters: ['mlp.experts.down_proj'] }, 'model.layers.0.mlp.experts.base_layer', true],
    [{ target_modules: ['q_proj'], target_parameters: ['down_proj.weight'] }, DOWN, true],
    [{}, Q, undefined],
    [{ target_modules: null, target_parameters: [] }, Q, undefined],
  ];
  for (const [config, module, expected] of cases) {
    it(`${JSON.stringify(config)}: ${module} ${expected === undefined ? 'is unknown' : expected ? 'is' : 'is not'}`, () => {
      const isTargeted = readTargets(parseConfig(Buffer.from(JSON.stringify(config))));

      assert.equal(isTargeted(module), expected);
    });
  }
});
