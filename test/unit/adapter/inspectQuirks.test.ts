import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertAdapter } from '../../../src/engine/adapter/convert';
import { baseModelFromGguf } from '../../../src/engine/adapter/ggufBaseModel';
import { inspectAdapter } from '../../../src/engine/adapter/inspect';
import { fixture } from '../../helpers/gold';
import { rawSafetensors, type RawTensor } from '../../helpers/rawSafetensors';

let folder: string;
let made = 0;
before(async () => (folder = await mkdtemp(join(tmpdir(), 'lora-swarm-quirks-'))));
after(() => rm(folder, { recursive: true }));

const PREFIX = 'base_model.model.';
const Q = 'model.layers.0.self_attn.q_proj';

describe('inspectAdapter on names', () => {
  const same = [
    PREFIX,
    '',
    'module.base_model.model.',
    '_forward_module.base_model.model.',
    'base_model.model._orig_mod.',
    '_fsdp_wrapped_module.base_model.model._fsdp_wrapped_module.',
    'base_model.model._checkpoint_wrapped_module.',
  ];
  for (const prefix of same) {
    it(`sees through ${prefix || 'no prefix'}`, async () => {
      const info = await inspectAdapter(await peft(pair(Q, { prefix })));

      assert.deepEqual([info.modules.map(({ name }) => name), info.problems], [[Q], []]);
    });
  }

  it('sees through wrappers inside of the path, and the name of the adapter', async () => {
    const info = await inspectAdapter(
      await peft({
        [`${PREFIX}model.layers.0._fsdp_wrapped_module.self_attn._orig_mod.q_proj.lora_A.default.weight`]: {
          shape: [4, 64],
        },
        [`${PREFIX}model.layers.0._fsdp_wrapped_module.self_attn._orig_mod.q_proj.lora_B.default.weight`]: {
          shape: [64, 4],
        },
      }),
    );

    assert.deepEqual([info.modules.map(({ name }) => name), info.problems], [[Q], []]);
  });

  const refused: Record<string, readonly [Record<string, RawTensor>, string]> = {
    'two adapters in one file': [{ ...pair(Q, { adapter: 'a' }), ...pair(Q, { adapter: 'b' }) }, 'several-adapters'],
    'the same half twice': [
      { ...pair(Q), [`${PREFIX}_orig_mod.${Q}.lora_A.weight`]: { shape: [4, 64] } },
      'tensor-twice',
    ],
    'one half': [{ [`${PREFIX}${Q}.lora_A.weight`]: { shape: [4, 64] } }, 'pair-incomplete'],
    'halves of two ranks': [
      { [`${PREFIX}${Q}.lora_A.weight`]: { shape: [4, 64] }, [`${PREFIX}${Q}.lora_B.weight`]: { shape: [64, 8] } },
      'pair-shape',
    ],
    'rank 0': [
      { [`${PREFIX}${Q}.lora_A.weight`]: { shape: [0, 64] }, [`${PREFIX}${Q}.lora_B.weight`]: { shape: [64, 0] } },
      'pair-shape',
    ],
    'the pair of an embedding on another module, whose A llama.cpp would get turned': [
      {
        [`${PREFIX}${Q}.lora_embedding_A`]: { shape: [4, 64] },
        [`${PREFIX}${Q}.lora_embedding_B`]: { shape: [64, 4] },
      },
      'pair-kind',
    ],
    'three dimensions': [
      { [`${PREFIX}${Q}.lora_A.weight`]: { shape: [2, 4, 64] }, [`${PREFIX}${Q}.lora_B.weight`]: { shape: [64, 4] } },
      'pair-shape',
    ],
    'a rank that nobody trains': [
      {
        [`${PREFIX}${Q}.lora_A.weight`]: { shape: [65_537, 1] },
        [`${PREFIX}${Q}.lora_B.weight`]: { shape: [1, 65_537] },
      },
      'rank-huge',
    ],
    F64: [pair(Q, { dtype: 'F64' }), 'tensor-type'],
    I32: [pair(Q, { dtype: 'I32' }), 'tensor-type'],
    'a tensor that is not understood': [{ ...pair(Q), 'something.else': { shape: [4] } }, 'tensor-unknown'],
    'whole weights alone': [{ [`${Q}.weight`]: { shape: [64, 64] } }, 'full-fine-tune'],
    IA3: [{ [`${PREFIX}${Q}.ia3_l`]: { shape: [64, 1] } }, 'not-lora'],
    LoHa: [{ [`${PREFIX}${Q}.hada_w1_a`]: { shape: [64, 4] } }, 'not-lora'],
    LoKr: [{ [`${PREFIX}${Q}.lokr_w1`]: { shape: [8, 8] } }, 'not-lora'],
    VeRA: [{ [`${PREFIX}${Q}.vera_lambda_b`]: { shape: [64] } }, 'not-lora'],
    AdaLoRA: [{ ...pair(Q), [`${PREFIX}${Q}.lora_E`]: { shape: [4, 1] } }, 'not-lora'],
    'prompt tuning': [{ prompt_embeddings: { shape: [8, 64] } }, 'not-lora'],
    'image model': [{ 'lora_unet_down_blocks_0_attn.lora_down.weight': { shape: [4, 64] } }, 'not-lora'],
  };
  for (const [what, [tensors, code]] of Object.entries(refused)) {
    it(`refuses ${what}`, async () => {
      const { problems } = await inspectAdapter(await peft(tensors));

      const problem = problems.find((one) => one.code === code);
      assert.equal(problem?.severity, 'refuse', JSON.stringify(problems));
      if (code === 'not-lora') assert.ok(problem.message.includes(what));
    });
  }
});

describe('inspectAdapter on configs', () => {
  const kinds = ['IA3', 'LOHA', 'LOKR', 'ADALORA', 'VERA', 'PROMPT_TUNING', 'PREFIX_TUNING', 'OFT', 'XLORA'];
  for (const kind of kinds) {
    it(`refuses ${kind} by name`, async () => {
      const { problems } = await inspectAdapter(await peft(pair(Q), { peft_type: kind }));

      assert.deepEqual([problems[0]?.code, problems[0]?.severity], ['not-lora', 'refuse']);
      assert.match(problems[0]!.message, new RegExp(kind));
    });
  }

  it('does not install pairs that the config leaves out', async () => {
    const tensors = { ...pair(Q), ...pair('model.layers.1.self_attn.q_proj') };

    const { problems } = await inspectAdapter(await peft(tensors, { layers_to_transform: [0] }));

    assert.deepEqual(
      problems.map(({ code, blocks }) => [code, blocks]),
      [['pair-not-targeted', 'install']],
    );
    assert.match(problems[0]!.message, /layers\.1/);
  });

  it('does not install pairs on experts, whose rank is one for each', async () => {
    const experts = 'model.layers.0.mlp.experts';
    const tensors = {
      [`${PREFIX}${experts}.lora_A.weight`]: { shape: [16, 64] },
      [`${PREFIX}${experts}.lora_B.weight`]: { shape: [128, 16] },
    };

    const { problems } = await inspectAdapter(
      await peft(tensors, { target_modules: null, target_parameters: ['mlp.experts.gate_up_proj'] }),
    );

    assert.deepEqual(
      problems.map(({ code, blocks }) => [code, blocks]),
      [['experts', 'install']],
    );
  });

  it('does not install what LoftQ trained, and takes MiCA for what it is', async () => {
    const codes = async (extra: object) =>
      (await inspectAdapter(await peft(pair(Q), extra))).problems.map(({ code }) => code);

    assert.deepEqual(await codes({ init_lora_weights: 'loftq' }), ['loftq']);
    assert.deepEqual(await codes({ loftq_config: { loftq_bits: 4 } }), ['loftq']);
    assert.deepEqual(await codes({ init_lora_weights: 'mica' }), []);
  });

  it('passes over keys that came after us and are switched off', async () => {
    const { problems } = await inspectAdapter(
      await peft(pair(Q), { some_new_key: 7, use_new_thing: false, new_config: null, runtime: { a: 1 } }),
    );

    assert.deepEqual(problems, []);
  });

  it('knows a changed vocabulary from the copies that PEFT saves', async () => {
    const base = await baseModelFromGguf(fixture('llama', 'base.f32.gguf'));
    const out = join(folder, 'vocabulary.gguf');
    const head = { ...pair(Q), ...pair('lm_head', { outFeatures: 320 }) };
    const copy = (rows: number) => ({ ...head, [`${PREFIX}lm_head.base_layer.weight`]: { shape: [rows, 64] } });
    const targets = { target_modules: ['q_proj', 'lm_head'] };

    const same = await inspectAdapter(await peft(copy(320), targets));
    const changed = await inspectAdapter(await peft(copy(322), targets));

    assert.deepEqual([same.vocabulary, changed.vocabulary], [320, 322]);
    await convertAdapter(same, base, out);
    const message = /trained with 322 tokens, .* has 320/;
    await assert.rejects(convertAdapter(changed, base, out), { code: 'CONVERT_UNSUPPORTED', message });
    const grown = await inspectAdapter(await peft({ ...pair(Q), ...pair('lm_head', { outFeatures: 322 }) }, targets));
    await assert.rejects(convertAdapter(grown, base, out), { code: 'CONVERT_UNSUPPORTED', message });
  });
});

describe('inspectAdapter on folders', () => {
  it('opens the one adapter that PEFT saved under its name', async () => {
    const info = await inspectAdapter(fixture('llama/adapters/named'));

    assert.deepEqual(info, await inspectAdapter(fixture('llama/adapters/named/style')));
  });

  it('says which there are, when there are several', async () => {
    const path = await emptyFolder();
    for (const name of ['checkpoint-100', 'checkpoint-200'])
      await cp(fixture('llama/adapters/qv-r4'), join(path, name), { recursive: true });
    await mkdir(join(path, 'runs'));

    await assert.rejects(inspectAdapter(path), {
      code: 'ADAPTER_NOT_FOUND',
      message: /name one of checkpoint-100, checkpoint-200\./,
    });
  });

  it('prefers the adapter of the folder itself', async () => {
    const path = await emptyFolder();
    await cp(fixture('llama/adapters/qv-r4'), path, { recursive: true });
    await cp(fixture('llama/adapters/all-r8'), join(path, 'other'), { recursive: true });

    assert.equal((await inspectAdapter(path)).pairs, 4);
  });

  it('says that adapters in shards are not read', async () => {
    const path = await emptyFolder();
    await writeFile(join(path, 'adapter_model-00001-of-00002.safetensors'), '');

    await assert.rejects(inspectAdapter(path), { code: 'ADAPTER_NOT_FOUND', message: /several files/ });
  });
});

interface PairOptions {
  readonly prefix?: string;
  readonly adapter?: string;
  readonly dtype?: RawTensor['dtype'];
  readonly outFeatures?: number;
}

function pair(module: string, options: PairOptions = {}): Record<string, RawTensor> {
  const { prefix = PREFIX, adapter, dtype = 'F32', outFeatures = 64 } = options;
  const end = adapter === undefined ? 'weight' : `${adapter}.weight`;
  return {
    [`${prefix}${module}.lora_A.${end}`]: { shape: [4, 64], dtype },
    [`${prefix}${module}.lora_B.${end}`]: { shape: [outFeatures, 4], dtype },
  };
}

async function peft(tensors: Record<string, RawTensor>, extra: object = {}): Promise<string> {
  const path = await emptyFolder();
  const config = { peft_type: 'LORA', r: 4, lora_alpha: 8, target_modules: ['q_proj'], ...extra };
  await writeFile(join(path, 'adapter_config.json'), JSON.stringify(config));
  await writeFile(join(path, 'adapter_model.safetensors'), rawSafetensors(tensors));
  return path;
}

async function emptyFolder(): Promise<string> {
  const path = join(folder, String(made++));
  await mkdir(path);
  return path;
}
