import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspectAdapter } from '../../../../src/engine/adapter/inspect';
import { changesFor } from '../../../../src/engine/adapter/merge/changes/changes';
import { readMergeBase } from '../../../../src/engine/adapter/merge/changes/mergeBase';
import { mergeIntoBase, planMerge } from '../../../../src/engine/adapter/merge/mergeIntoBase';
import type { WeightedAdapter } from '../../../../src/engine/adapter/merge/changes/partContent';
import type { TensorChange } from '../../../../src/engine/adapter/merge/tensorChange';
import { safetensorsTensor, WeightsFile } from '../../../../src/engine/adapter/merge/changes/weightsFile';
import { readSafetensorsHeader } from '../../../../src/engine/adapter/safetensors';
import { fixture, type BaseName } from '../../../helpers/gold';
import { f32, rawSafetensors, type RawTensor } from '../../../helpers/rawSafetensors';

const Q = 'base_model.model.model.layers.0.self_attn.q_proj';
const EMBED = 'base_model.model.model.embed_tokens';
/** Values do not matter where headers decide, and all are finite. */
const PAIR = { [`${Q}.lora_A.weight`]: { shape: [2, 64] }, [`${Q}.lora_B.weight`]: { shape: [64, 2] } };
const EMBED_PAIR = {
  [`${EMBED}.lora_embedding_A`]: { shape: [2, 320] },
  [`${EMBED}.lora_embedding_B`]: { shape: [64, 2] },
};
const ROWS = { [`${EMBED}.token_adapter.trainable_tokens_delta`]: { shape: [2, 64] } };

interface RefusedCase {
  readonly base?: BaseName;
  /** Beside a sound pair. */
  readonly tensors: Readonly<Record<string, RawTensor>>;
  /** Beside that of a plain LoRA. */
  readonly config?: object;
  readonly says: RegExp;
}

describe('the changes of a merge', () => {
  let folder: string;
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'lora-swarm-changes-'))));
  after(() => rm(folder, { recursive: true }));

  describe('of a base with one tensor for both ends', () => {
    it('give PEFT an output of its own where only the input changes', async () => {
      const changes = await changesOf('qwen2', fixture('qwen2', 'adapters/tied-embed'));

      const output = changes.get('output.weight');
      assert.deepEqual([output?.source, output?.low], ['token_embd.weight', []]);
      assert.equal(changes.get('token_embd.weight')?.low.length, 1);
    });

    it('leave the input alone where PEFT changes the output', async () => {
      const changes = await changesOf('qwen2', fixture('qwen2', 'adapters/tied-head'));

      assert.equal(changes.get('output.weight')?.low.length, 1);
      assert.equal(changes.has('token_embd.weight'), false);
    });

    it('stay one tensor where MLX-LM changes both', async () => {
      const changes = await changesOf('qwen2', fixture('qwen2', 'adapters/mlx-tied-embed'));

      assert.equal(changes.get('token_embd.weight')?.low.length, 1);
      assert.equal(changes.has('output.weight'), false);
    });

    it('add up at each end in a sum of both kinds', async () => {
      const changes = await changesOf(
        'qwen2',
        [fixture('qwen2', 'adapters/tied-embed'), 0.5],
        [fixture('qwen2', 'adapters/mlx-tied-embed'), -2],
      );

      assert.deepEqual(
        changes.get('token_embd.weight')?.low.map(({ factor }) => factor),
        [0.5 * 2, -2 * 6],
      );
      assert.deepEqual(
        changes.get('output.weight')?.low.map(({ factor }) => factor),
        [-2 * 6],
      );
    });
  });

  it('touch nothing for an adapter without effect', async () => {
    assert.equal((await changesOf('llama', fixture('llama', 'adapters/alpha-zero'))).size, 0);
    assert.equal((await changesOf('llama', [fixture('llama', 'adapters/all-r8'), 0])).size, 0);
  });

  it('give the rows of a replaced weight piece by piece as they do all at once', async () => {
    for (const [base, name] of [
      ['llama', 'q-saved'],
      ['qwen2', 'dora-embed'],
      ['gemma2', 'norms-saved'],
    ] as const) {
      const changes = await changesOf(base, fixture('merge', base, name));
      const replaced = [...changes.values()].filter(({ replacement }) => replacement);

      assert.ok(replaced.length > 0);
      for (const { dims, replacement } of replaced) {
        const [width, rows] = [dims[0]!, dims[1] ?? 1];
        const some = Math.floor(rows / 3); // Not at the border of a head.
        const whole = await replacement!();
        const parts = [await replacement!(0, some), await replacement!(some, rows - some)];
        assert.deepEqual([whole.length, Float32Array.from([...parts[0]!, ...parts[1]!])], [width * rows, whole]);
      }
    }
  });

  it('give the columns of an embedding the lengths that PEFT trained', async () => {
    const changes = await changesOf('qwen2', fixture('merge', 'qwen2', 'dora-embed'));
    const values = await changes.get('token_embd.weight')!.replacement!();

    const lengths = Array.from({ length: 64 }, (_, column) =>
      Math.hypot(...Array.from({ length: 320 }, (_row, row) => values[row * 64 + column]!)),
    );
    const file = fixture('merge', 'qwen2/dora-embed/adapter_model.safetensors');
    const entry = (await readSafetensorsHeader(file)).tensors.get(`${EMBED}.lora_magnitude_vector`)!;
    const trained = await (await WeightsFile.at(file)).load(safetensorsTensor(entry));
    lengths.forEach((length, column) => assert.ok(Math.abs(length - trained[column]!) < 1e-4 * length));
  });

  it('take headers and configs only until values are asked for', async () => {
    const copy = join(folder, 'lazy');
    await cp(fixture('llama', 'adapters/qv-r4'), copy, { recursive: true });
    const weights = join(copy, 'adapter_model.safetensors');
    const real = await readFile(weights);
    const header = 8 + Number(real.readBigUInt64LE());
    const put = async (bytes: Uint8Array): Promise<void> => {
      await writeFile(weights, bytes);
      await utimes(weights, 1e9, 1e9); // The same file to whoever looks at size and time.
    };
    await put(Buffer.concat([real.subarray(0, header), Buffer.alloc(real.length - header)]));

    const changes = await changesOf('llama', copy);
    await put(real);

    const values = await changes.get('blk.0.attn_q.weight')!.low[0]!.loadA();
    assert.ok(values.every((value) => value !== 0));
  });

  describe('are refused', () => {
    const DORA = fixture('llama', 'adapters/dora');
    const PLAIN = fixture('llama', 'adapters/qv-r4');

    for (const [why, { base = 'llama', tensors, config = {}, says }] of Object.entries<RefusedCase>({
      'for a changed vocabulary': {
        tensors: { [`${EMBED}.weight`]: { shape: [322, 64] } },
        config: { modules_to_save: ['embed_tokens'] },
        says: /changed vocabulary|new tokens/,
      },
      'for another width': {
        tensors: { [`${EMBED}.weight`]: { shape: [320, 32] } },
        config: { modules_to_save: ['embed_tokens'] },
        says: /is 320 × 32 in the adapter, the base has 320 × 64/,
      },
      'for tokens that were added beside a pair': {
        tensors: { ...EMBED_PAIR, [`${EMBED}.base_layer.weight`]: { shape: [330, 64] } },
        config: { target_modules: ['q_proj', 'embed_tokens'] },
        says: /changed vocabulary|new tokens/,
      },
      'for a magnitude without a pair': {
        tensors: {
          [`${Q}.lora_magnitude_vector`]: { shape: [64] },
          [`${EMBED}.lora_magnitude_vector`]: { shape: [64] },
        },
        config: { use_dora: true },
        says: /magnitude and no pair/,
      },
      'for DoRA without a magnitude': { tensors: {}, config: { use_dora: true }, says: /no magnitude of/ },
      'for a magnitude that the config rules out': {
        tensors: { [`${Q}.lora_magnitude_vector`]: { shape: [64] } },
        says: /not one of DoRA/,
      },
      'for too few magnitudes': {
        tensors: { [`${Q}.lora_magnitude_vector`]: { shape: [32] } },
        config: { use_dora: true },
        says: /is 32 in the adapter, the base has 64/,
      },
      'for a bias that the config rules out': {
        base: 'qwen2',
        tensors: { [`${Q}.base_layer.bias`]: { shape: [64] } },
        says: /bias=none/,
      },
      'for a bias of another length': {
        base: 'qwen2',
        tensors: { [`${Q}.base_layer.bias`]: { shape: [63] } },
        config: { bias: 'all' },
        says: /is 63 in the adapter/,
      },
      'for a bias where no file has one': {
        tensors: { 'base_model.model.lm_head.bias': { shape: [320] } },
        config: { bias: 'all' },
        says: /have none there/,
      },
      'for a bias behind B that the config rules out': {
        tensors: { [`${Q}.lora_B.bias`]: { shape: [64] } },
        says: /which the config rules out/,
      },
      'for a bias behind A': {
        tensors: { [`${Q}.lora_A.bias`]: { shape: [2] } },
        config: { lora_bias: true },
        says: /bias behind A/,
      },
      'for rows of tokens that are not named': { tensors: ROWS, says: /does not say of which tokens/ },
      'for fewer rows than tokens': {
        tensors: ROWS,
        config: { trainable_token_indices: [1, 2, 3] },
        says: /names 3 trained tokens, the adapter holds 2/,
      },
      'for a token that is named twice': {
        tensors: ROWS,
        config: { trainable_token_indices: [1, 1] },
        says: /trained tokens/,
      },
      'for a token that the base lacks': {
        tensors: ROWS,
        config: { trainable_token_indices: [1, 320] },
        says: /changed vocabulary|new tokens/,
      },
      'for rows and a pair on one tensor': {
        tensors: { ...ROWS, ...EMBED_PAIR },
        config: { target_modules: ['q_proj', 'embed_tokens'], trainable_token_indices: [1, 2] },
        says: /replaces rows of it, too/,
      },
      'for a weight that is changed and replaced': {
        tensors: { [`${Q}.modules_to_save.weight`]: { shape: [64, 64] } },
        config: { modules_to_save: ['q_proj'] },
        says: /replaces it, too/,
      },
      'for a part that is not understood': {
        tensors: { 'base_model.model.score.weight': { shape: [2, 64] } },
        config: { modules_to_save: ['score'] },
        says: /no part of a model that we know/,
      },
      'for integers in the place of a weight': {
        tensors: { [`${EMBED}.weight`]: { shape: [320, 64], dtype: 'I32' } },
        config: { modules_to_save: ['embed_tokens'] },
        says: /F32, F16 or BF16/,
      },
    }))
      it(why, async () => {
        const info = await inspectAdapter(await adapter(why, { ...PAIR, ...tensors }, config));

        const changes = changesFor([{ info, weight: 1 }], await readMergeBase(fixture(base, 'base.f32.gguf')));

        await assert.rejects(changes, (error: Error & { readonly code?: string }) => {
          assert.match(error.message, says);
          assert.match(error.code ?? '', /^(MERGE_UNSUPPORTED|ADAPTER_CONTRADICTION|BASE_UNFIT)$/);
          return true;
        });
      });

    it('for DoRA that is weakened or mixed', async () => {
      const message = /alone and with weight 1 only/;

      await assert.rejects(changesOf('llama', [DORA, 0.5]), { code: 'MERGE_UNSUPPORTED', message });
      await assert.rejects(changesOf('llama', [DORA, 1], [PLAIN, 1]), { code: 'MERGE_UNSUPPORTED', message });
    });

    it('for a LoRA file that changes the embedding of a tied base', async () => {
      const info = await inspectAdapter(fixture('bad', 'embed-tied.gguf'));

      const changes = changesFor([{ info, weight: 1 }], await readMergeBase(fixture('qwen2', 'base.f32.gguf')));

      await assert.rejects(changes, { code: 'MERGE_UNSUPPORTED', message: /which of both/ });
    });

    it('for a weight that is no number', async () => {
      await assert.rejects(changesOf('llama', [PLAIN, NaN]), { code: 'MERGE_UNSUPPORTED' });
    });

    it('for another architecture, other widths and an unknown scale', async () => {
      const noConfig = join(folder, 'no-config');
      await mkdir(noConfig);
      await cp(join(PLAIN, 'adapter_model.safetensors'), join(noConfig, 'adapter_model.safetensors'));

      await assert.rejects(changesOf('qwen2', fixture('llama', 'lora-gguf/patterns.gguf')), { code: 'BASE_UNFIT' });
      await assert.rejects(changesOf('qwen3', PLAIN), { code: 'BASE_UNFIT' });
      await assert.rejects(changesOf('llama', noConfig), { code: 'ADAPTER_CONFIG_MISSING' });
    });
  });

  describe('into a base that is coarse', () => {
    const COARSE = fixture('llama-quant', 'base.q4_k_m.gguf');
    const PLAIN = fixture('llama-quant', 'adapters/qv-r4');
    const HEAD = { 'base_model.model.lm_head.weight': { shape: [320, 256] } };

    it('are planned for a plain adapter, with the types that change', async () => {
      const { bytes, retyped, reason } = await planMerge([await part(PLAIN)], COARSE);

      assert.deepEqual(
        [reason, retyped],
        [
          undefined,
          [
            { name: 'blk.0.attn_q.weight', from: 'Q4_K', to: 'Q8_0' },
            { name: 'blk.0.attn_v.weight', from: 'Q6_K', to: 'Q8_0' },
          ],
        ],
      );
      const out = join(folder, 'planned.gguf');
      assert.equal((await mergeIntoBase([await part(PLAIN)], COARSE, out)).bytes, bytes);
    });

    it('are refused for all that is more than plain, and not into Q8_0', async () => {
      const pair = { [`${Q}.lora_A.weight`]: { shape: [2, 256] }, [`${Q}.lora_B.weight`]: { shape: [256, 2] } };
      const saved = await part(await adapter('head-256', { ...pair, ...HEAD }, { modules_to_save: ['lm_head'] }));

      const coarse = await planMerge([saved], COARSE);
      const fine = await planMerge([saved], fixture('llama-quant', 'base.q8_0.gguf'));

      assert.match(coarse.reason ?? '', /too coarse for it \(Q\d_K\)/);
      assert.equal(fine.reason, undefined);
    });
  });

  it('leave no file when a value is no number, although headers do not show it', async () => {
    const values = Array.from({ length: 128 }, () => 0.5);
    values[100] = NaN;
    const broken = await part(
      await adapter('nan', { ...PAIR, [`${Q}.lora_B.weight`]: { shape: [64, 2], data: f32(...values) } }, {}),
    );
    const out = join(folder, 'nan.gguf');
    const base = fixture('llama', 'base.f32.gguf');

    assert.equal((await planMerge([broken], base)).reason, undefined);
    await assert.rejects(mergeIntoBase([broken], base, out), { code: 'MERGE_UNSUPPORTED', message: /no numbers/ });
    assert.equal(existsSync(out), false);
  });

  it('are not read from a file that grew', async () => {
    const copy = join(folder, 'grown');
    await cp(fixture('llama', 'adapters/qv-r4'), copy, { recursive: true });
    const changes = await changesOf('llama', copy);
    await appendFile(join(copy, 'adapter_model.safetensors'), 'x');

    await assert.rejects(async () => [...changes.values()][0]!.low[0]!.loadB(), { code: 'SOURCE_CHANGED' });
  });

  it('write no base over itself, nor over any other file', async () => {
    const base = join(folder, 'base.gguf');
    await cp(fixture('llama', 'base.f32.gguf'), base);

    await assert.rejects(async () => mergeIntoBase([await part(fixture('llama', 'adapters/qv-r4'))], base, base), {
      code: 'USAGE',
    });
  });

  async function adapter(name: string, tensors: Readonly<Record<string, RawTensor>>, config: object): Promise<string> {
    const path = join(folder, name.replaceAll(' ', '-'));
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'adapter_model.safetensors'), rawSafetensors(tensors));
    const whole = { peft_type: 'LORA', r: 2, lora_alpha: 4, bias: 'none', target_modules: ['q_proj'], ...config };
    await writeFile(join(path, 'adapter_config.json'), JSON.stringify(whole));
    return path;
  }

  async function part(path: string, weight = 1): Promise<WeightedAdapter> {
    return { info: await inspectAdapter(path), weight };
  }

  async function changesOf(
    base: BaseName,
    ...adapters: readonly (string | readonly [string, number])[]
  ): Promise<ReadonlyMap<string, TensorChange>> {
    const parts: WeightedAdapter[] = [];
    for (const one of adapters) parts.push(typeof one === 'string' ? await part(one) : await part(one[0], one[1]));
    const changes = await changesFor(parts, await readMergeBase(fixture(base, 'base.f32.gguf')));
    return new Map(changes.map((change) => [change.name, change]));
  }
});
