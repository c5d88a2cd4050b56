import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LoraSwarmError } from '../../../src/engine/errors';
import { findAdapters } from '../../../src/engine/adapter/findAdapters';
import { deltaNorms } from '../../../src/engine/adapter/deltaNorms';
import { inspectAdapter } from '../../../src/engine/adapter/inspect';
import { fixture, goldFixtures, type GoldModule } from '../../helpers/gold';
import { mutated, seeded } from '../../helpers/hostile';
import { withLocalName } from '../../helpers/localName';
import { info, rawGguf, text, u32, u64, value } from '../../helpers/rawGguf';
import { writePeftAdapter } from '../../helpers/writeAdapter';

let folder: string;
before(async () => (folder = await mkdtemp(join(tmpdir(), 'lora-swarm-inspect-'))));
after(() => rm(folder, { recursive: true }));

/** What is wrong with each adapter that cannot become a LoRA GGUF on any base. Tied ends show against their base only. */
const REASONS: Readonly<Record<string, string>> = {
  dora: 'dora',
  'head-saved': 'modules-to-save',
  'lora-bias': 'lora-bias',
  pissa: 'init-changes-base',
  alora: 'alora',
  ia3: 'not-lora',
  loha: 'not-lora',
  'missing-b': 'pair-incomplete',
  'rank-lie': 'rank-contradiction',
  'mlx-dora': 'dora',
  'mlx-full': 'full-fine-tune',
  'bias-trained': 'bias-trained',
};

describe('inspectAdapter on real adapters', () => {
  for (const { base, name, folder: path, facts, expect } of goldFixtures(existsSync)) {
    if (name === 'pickle-only') continue;

    it(`${base}: ${name}`, async () => {
      const info = await inspectAdapter(path);

      const blocking = info.problems.filter(({ severity, blocks }) => severity === 'refuse' || blocks !== undefined);
      const reason = REASONS[name];
      assert.equal(blocking[0]?.code, reason);
      assert.ok(reason === undefined ? expect.gguf === 'exact' || name.includes('tied-') : expect.gguf === 'refuse');
      if (facts.file?.dtypes.length === 1 && info.pairs > 0) assert.equal(info.dtype, facts.file.dtypes[0]);
      if (facts.modules === undefined) return;

      assert.equal(info.format, name.startsWith('mlx') ? 'mlx' : 'peft');
      assert.equal(info.pairs, facts.pairs);
      assert.equal(info.parameters, facts.parameters);
      assert.deepEqual(info.targets, facts.targets);
      assert.equal(info.rank, facts.ranks?.length === 1 ? facts.ranks[0] : undefined);
      assert.equal(info.modules.length, Object.keys(facts.modules).length);
      for (const module of info.modules) {
        const gold: GoldModule | undefined = facts.modules[module.name];
        assert.ok(gold, module.name);
        assert.deepEqual([module.rank, module.inFeatures, module.outFeatures], [gold.r, gold.in, gold.out]);
        assert.ok(Math.abs(module.scale! - gold.scaling) < 1e-7 * Math.max(1, gold.scaling));
        assert.equal(module.alpha, info.format === 'mlx' ? undefined : gold.alpha);
        assert.equal(module.isEmbedding, gold.embedding ?? false);
      }
    });

    if (facts.modules) {
      it(`${base}: ${name} changes its modules by as much as gold says`, async () => {
        const norms = await deltaNorms(await inspectAdapter(path));

        assert.equal(norms.length, facts.pairs);
        for (const { name: module, norm } of norms) {
          const gold = facts.modules![module]!.fro_delta;
          assert.ok(Math.abs(norm - gold) <= 1e-5 * Math.max(1, gold), `${module}: ${norm}, gold ${gold}`);
        }
      });
    }
  }
});

describe('inspectAdapter', () => {
  it('reads base, licence and tags, and which values of the config stay here', async () => {
    const written = await writePeftAdapter(join(folder, 'card'), {
      base: 'meta-llama/Llama-3.2-3B-Instruct',
      alpha: 8,
    });

    const info = await inspectAdapter(written.folder);

    assert.equal(info.baseModel, 'meta-llama/Llama-3.2-3B-Instruct');
    assert.equal(info.architecture, 'llama');
    assert.deepEqual([info.rank, info.alpha, info.scale], [4, 8, 2]);
    assert.deepEqual([info.license, info.tags], ['apache-2.0', ['lora', 'tiny']]);
    assert.deepEqual(
      [info.weightsPath, info.configPath, info.cardPath],
      [written.weightsPath, written.configPath, written.cardPath],
    );
    assert.equal(info.bytes, written.bytes);
    assert.deepEqual([info.privateValues, info.problems], [[], []]);
  });

  it('takes a path of the author for no base, and lets the user name one', async () => {
    const path = fixture('llama/adapters/float-alpha');

    const info = await inspectAdapter(path);
    const named = await inspectAdapter(path, { baseModel: 'Qwen/Qwen2.5-7B' });

    assert.equal(info.baseModel, undefined);
    assert.deepEqual(info.privateValues, ['base_model_name_or_path']);
    assert.deepEqual([named.baseModel, named.architecture], ['Qwen/Qwen2.5-7B', 'qwen2']);
  });

  it('tells the keys of a GGUF that hold paths of the author', async () => {
    const path = join(folder, 'local.gguf');
    await withLocalName(fixture('llama/lora-gguf/patterns.gguf'), path);

    const info = await inspectAdapter(path);
    const clean = await inspectAdapter(fixture('llama/lora-gguf/patterns.gguf'));

    assert.deepEqual([info.privateValues, clean.privateValues], [['general.name'], []]);
  });

  it('does not let the user overrule the config', async () => {
    const info = await inspectAdapter(fixture('llama/adapters/all-r8'), { baseModel: 'other/base' });

    assert.equal(info.baseModel, 'fx/tiny-llama');
  });

  it('leaves base and scale unknown without a config', async () => {
    const { folder: path } = await writePeftAdapter(join(folder, 'bare'), { config: false, card: false });

    const info = await inspectAdapter(path);

    assert.deepEqual(
      [info.rank, info.alpha, info.scale, info.baseModel, info.license],
      [4, undefined, undefined, undefined, undefined],
    );
    assert.deepEqual(
      info.problems.map(({ code, severity }) => [code, severity]),
      [['config-missing', 'warn']],
    );
    assert.deepEqual(await deltaNorms(info), []);
  });

  it('leaves alpha unknown when the config does not say it', async () => {
    const { folder: path } = await writePeftAdapter(join(folder, 'no-alpha'), { alpha: null });

    const { alpha, scale, problems } = await inspectAdapter(path);

    assert.deepEqual([alpha, scale, problems.map(({ code }) => code)], [undefined, undefined, ['alpha-unknown']]);
  });

  it('opens the weights, the config, a named adapter and a checkpoint alike', async () => {
    const whole = await inspectAdapter(fixture('llama/adapters/all-r8'));
    const weights = await inspectAdapter(fixture('llama/adapters/all-r8/adapter_model.safetensors'));
    const config = await inspectAdapter(fixture('llama/adapters/all-r8/adapter_config.json'));
    const named = await inspectAdapter(fixture('llama/adapters/named/style'));
    const checkpoint = await inspectAdapter(fixture('llama/adapters/mlx-default/0000010_adapters.safetensors'));

    assert.deepEqual([weights, config], [whole, whole]);
    assert.equal(named.pairs, 8);
    assert.deepEqual([checkpoint.format, checkpoint.scale], ['mlx', 20]);
  });

  it('reads a LoRA GGUF', async () => {
    const info = await inspectAdapter(fixture('llama/lora-gguf/patterns.gguf'));

    assert.deepEqual([info.format, info.architecture, info.alpha, info.rank], ['gguf', 'llama', 32, undefined]);
    assert.deepEqual(info.targets, ['attn_k', 'attn_output', 'attn_q', 'attn_v', 'ffn_down', 'ffn_gate', 'ffn_up']);
    const gate = info.modules.find(({ name }) => name === 'blk.1.ffn_gate.weight');
    assert.deepEqual([gate?.layer, gate?.rank, gate?.scale, gate?.outFeatures], [1, 8, 4, 128]);
  });

  it('measures a LoRA GGUF as its source', async () => {
    const source = await deltaNorms(await inspectAdapter(fixture('llama/adapters/embed-head')));
    const norms = await deltaNorms(await inspectAdapter(fixture('llama/lora-gguf/embed-head.gguf')));

    const rounded = (list: typeof norms) => list.map(({ norm }) => norm.toFixed(4)).sort();
    assert.deepEqual(rounded(norms), rounded(source));
  });

  it('refuses pickles by name and by content, and says how to convert them', async () => {
    const renamed = join(folder, 'renamed');
    await mkdir(renamed);
    await copyFile(fixture('llama/adapters/pickle-only/adapter_model.bin'), join(renamed, 'adapter_model.safetensors'));
    const old = join(folder, 'old.safetensors');
    await writeFile(old, Buffer.from([0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20]));

    for (const path of [
      fixture('llama/adapters/pickle-only'),
      fixture('llama/adapters/pickle-only/adapter_model.bin'),
      renamed,
      old,
    ]) {
      await assert.rejects(inspectAdapter(path), { code: 'ADAPTER_PICKLE', message: /save_pretrained/ });
    }
  });

  const contradictions: Record<string, (path: string) => Promise<unknown>> = {
    ADAPTER_NOT_FOUND: (path) => rm(join(path, 'adapter_model.safetensors')),
    ADAPTER_UNREADABLE: async (path) => {
      const weights = join(path, 'adapter_model.safetensors');
      await writeFile(weights, (await readFile(weights)).subarray(0, -1));
    },
    ADAPTER_CONFIG_INVALID: (path) => writeFile(join(path, 'adapter_config.json'), '{"r": 4,}'),
  };
  for (const [code, damage] of Object.entries(contradictions)) {
    it(`answers with ${code}`, async () => {
      const path = join(folder, code);
      await cp(fixture('llama/adapters/qv-r4'), path, { recursive: true });
      await damage(path);

      await assert.rejects(inspectAdapter(path), { code });
    });
  }

  it('never throws anything but its own errors at damaged files', async () => {
    const path = join(folder, 'fuzz');
    await cp(fixture('llama/adapters/qv-r4'), path, { recursive: true });
    const random = seeded(3);
    for (const [name, reach] of [
      ['adapter_config.json', 2000],
      ['adapter_model.safetensors', 1200],
    ] as const) {
      const bytes = await readFile(fixture('llama/adapters/qv-r4', name));
      for (let round = 0; round < 250; round++) {
        await writeFile(join(path, name), mutated(bytes, reach, random));
        await inspectAdapter(path).catch((error: unknown) => {
          assert.ok(error instanceof LoraSwarmError, `${name}, round ${round}: ${String(error)}`);
        });
      }
      await writeFile(join(path, name), bytes);
    }
  });

  it('stops when told to', async () => {
    await assert.rejects(inspectAdapter(fixture('llama/adapters/all-r8'), { signal: AbortSignal.abort() }), {
      name: 'AbortError',
    });
  });
});

describe('inspectAdapter on damaged LoRA GGUFs', () => {
  const problems: Record<string, readonly string[]> = {
    'ok.gguf': [],
    'embed-rank.gguf': ['pair-shape', 'no-pairs'],
    'type-i32.gguf': ['tensor-type'],
    'three-d.gguf': ['pair-shape'],
    'missing-b.gguf': ['pair-incomplete'],
    'not-adapter.gguf': ['not-adapter'],
    'norm-pair.gguf': ['norm-pair'],
    'alpha-0.gguf': ['alpha-zero'],
  };
  for (const [file, codes] of Object.entries(problems)) {
    it(`${file}: ${codes.join(', ') || 'nothing wrong'}`, async () => {
      const info = await inspectAdapter(fixture('bad', file));

      assert.deepEqual(
        info.problems.map(({ code }) => code),
        codes,
      );
      if (file === 'alpha-0.gguf') assert.equal(info.scale, 1);
    });
  }
  it('refuses an alpha that is no float of 32 bits, on which llama.cpp aborts', async () => {
    const pair = [info('blk.0.attn_q.weight.lora_a', [8, 2], 0, 0), info('blk.0.attn_q.weight.lora_b', [2, 8], 0, 64)];
    const said = [text('general.type', 'adapter'), text('adapter.type', 'lora'), text('general.architecture', 'llama')];
    const float64 = Buffer.alloc(8);
    float64.writeDoubleLE(16);
    const alphas: Record<string, readonly [number, Buffer]> = {
      zero: [10, u64(0n)],
      count: [4, u32(16)],
      double: [12, float64],
      true: [7, Buffer.from([1])],
    };
    for (const [name, [type, bytes]] of Object.entries(alphas)) {
      const path = join(folder, `alpha-${name}.gguf`);
      const values = [...said, value('adapter.lora.alpha', type, bytes)];
      await writeFile(path, rawGguf({ values, tensors: pair, data: Buffer.alloc(128) }));

      const { problems } = await inspectAdapter(path);

      assert.deepEqual(
        problems.map(({ code }) => code),
        ['alpha-invalid'],
        name,
      );
    }
  });
  for (const file of ['truncated.gguf', 'n-tensors.gguf']) {
    it(`${file} cannot be read`, async () => {
      await assert.rejects(inspectAdapter(fixture('bad', file)), { code: 'ADAPTER_UNREADABLE' });
    });
  }
});

describe('findAdapters', () => {
  it('finds run folders, checkpoints and GGUFs, and nothing else', async () => {
    const root = join(folder, 'runs');
    await writePeftAdapter(join(root, 'a/checkpoint-100'), { base: 'a/b', rank: 2 });
    await writePeftAdapter(join(root, 'a'), {});
    await writePeftAdapter(join(root, 'node_modules/x'), {});
    await writePeftAdapter(join(root, '1/2/3/4/5/6'), {});
    await writePeftAdapter(join(root, '1/2/3/4/5/6/7'), {});
    await cp(fixture('llama/adapters/ia3'), join(root, 'ia3'), { recursive: true });
    await copyFile(fixture('bad/ok.gguf'), join(root, 'lora.gguf'));
    await copyFile(fixture('llama/base.f16.gguf'), join(root, 'base.gguf'));

    const found = await findAdapters([root, join(root, 'a')]);

    assert.deepEqual(
      found.map(({ path, format, rank, baseModel }) => [path.slice(root.length + 1), format, rank, baseModel]),
      [
        ['lora.gguf', 'gguf', 4, undefined],
        ['a', 'peft', 4, 'fx/tiny-llama'],
        [join('a', 'checkpoint-100'), 'peft', 2, 'a/b'],
        [join('1', '2', '3', '4', '5', '6'), 'peft', 4, 'fx/tiny-llama'],
      ],
    );
  });

  it('passes over folders that are not there and stops when told to', async () => {
    assert.deepEqual(await findAdapters([join(folder, 'nowhere')]), []);
    await assert.rejects(findAdapters([folder], { signal: AbortSignal.abort() }), { name: 'AbortError' });
  });
});
