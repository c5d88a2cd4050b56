import assert from 'node:assert/strict';
import { ARCHITECTURES, architectureNamed, architectureOfClass } from '../../../src/engine/adapter/architectures';
import { baseModelFromGguf } from '../../../src/engine/adapter/ggufBaseModel';
import { interleavedRow, interleaveRows, rowHeads } from '../../../src/engine/adapter/rowOrder';
import { baseParameter, baseTensorName, targetTensor } from '../../../src/engine/adapter/tensorNames';
import { BASES, fixture } from '../../helpers/gold';

describe('architectures', () => {
  for (const name of BASES) {
    it(`name every tensor of the blocks of ${name}`, async () => {
      const base = await baseModelFromGguf(fixture(name, 'base.f32.gguf'));
      const architecture = architectureNamed(base.architecture)!;

      const { block, blockNorms, outer, outerNorms } = architecture;
      const inBlock = [...Object.keys(block), ...Object.keys(blockNorms)].map((inner) => `model.layers.1.${inner}`);
      const outside = [...Object.keys(outer), ...Object.keys(outerNorms)];
      const named = [...inBlock, ...outside].map((module) => baseParameter(module, 'weight', architecture)!.tensor);
      const there = [...base.tensors.keys()].filter((tensor) => /^(blk\.1\..*\.weight|[^b].*)$/.test(tensor));
      // A tied base has no output of its own, and RoPE factors are no weights.
      assert.deepEqual(
        named.filter((tensor) => tensor !== 'output.weight').sort(),
        there.filter((tensor) => !/^(output\.weight|rope_)/.test(tensor)).sort(),
      );
    });
  }

  it('are only those that a fixture proves', async () => {
    const bases = await Promise.all(BASES.map((name) => baseModelFromGguf(fixture(name, 'base.f32.gguf'))));

    const proven = new Set(bases.map(({ architecture }) => architecture));
    assert.deepEqual(ARCHITECTURES.map(({ name }) => name).sort(), [...proven].sort());
  });

  it('claim each class of transformers once', () => {
    const classes = ARCHITECTURES.flatMap((architecture) => architecture.classes);

    assert.equal(new Set(classes).size, classes.length);
    assert.equal(architectureOfClass('MistralForCausalLM'), 'llama');
    assert.equal(architectureOfClass('GPT2LMHeadModel'), undefined);
  });
});

describe('names of base tensors', () => {
  it('are those of the architecture, where it is known', () => {
    assert.equal(baseTensorName('model.layers.3.mlp.gate_up_proj', 'phi3'), 'blk.3.ffn_up.weight');
    assert.equal(baseTensorName('model.layers.3.mlp.gate_up_proj', 'llama'), undefined);
    assert.equal(baseTensorName('model.layers.3.self_attn.q_proj', 'phi3'), undefined);
    assert.equal(baseTensorName('model.layers.3.mlp.gate_up_proj'), 'blk.3.ffn_up.weight');
    assert.equal(targetTensor('qkv_proj', 0, 'llama'), undefined);
    assert.equal(targetTensor('attn_qkv', 0, 'phi3'), 'blk.0.attn_qkv.weight');
  });

  it('look through the wrappers of models that also see', () => {
    for (const prefix of ['', 'model.', 'model.language_model.', 'language_model.model.']) {
      assert.equal(baseTensorName(`${prefix}layers.0.self_attn.q_proj`, 'gemma3'), 'blk.0.attn_q.weight');
    }
    assert.equal(baseTensorName('vision_tower.vision_model.encoder.layers.0.self_attn.q_proj'), undefined);
  });

  it('tell norms from weights, and biases of both', () => {
    const gemma = architectureNamed('gemma2')!;

    assert.deepEqual(baseParameter('model.norm', 'weight', gemma), { tensor: 'output_norm.weight', isNorm: true });
    assert.deepEqual(baseParameter('model.layers.2.self_attn.q_proj', 'bias', gemma), {
      tensor: 'blk.2.attn_q.bias',
      isNorm: false,
    });
    assert.equal(baseParameter('model.layers.2.self_attn.q_norm', 'weight', gemma), undefined);
  });
});

describe('rowHeads', () => {
  it('turns q and k of llama alone', async () => {
    const llama = await baseModelFromGguf(fixture('llama', 'base.f32.gguf'));
    const qwen = await baseModelFromGguf(fixture('qwen2', 'base.f32.gguf'));

    assert.deepEqual(rowHeads(llama, 'blk.0.attn_q.weight'), { count: 4, dim: 16 });
    assert.deepEqual(rowHeads(llama, 'blk.1.attn_k.bias'), { count: 2, dim: 16 });
    assert.equal(rowHeads(llama, 'blk.0.attn_v.weight'), undefined);
    assert.equal(rowHeads(qwen, 'blk.0.attn_q.weight'), undefined);
  });

  it('interleaves the halves of each head', () => {
    const heads = { count: 2, dim: 4 };

    const rows = Array.from({ length: 8 }, (_, row) => interleavedRow(row, heads));

    assert.deepEqual(rows, [0, 2, 1, 3, 4, 6, 5, 7]);
    const values = Float32Array.from({ length: 8 }, (_, row) => row);
    assert.deepEqual([...interleaveRows(values, heads, 1)], [0, 2, 1, 3, 4, 6, 5, 7]);
  });
});
