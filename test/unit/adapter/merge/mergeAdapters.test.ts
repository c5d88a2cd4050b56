import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseModelFromGguf } from '../../../../src/engine/adapter/ggufBaseModel';
import { inspectAdapter } from '../../../../src/engine/adapter/inspect';
import {
  mergeAdapters,
  type MergeOptions,
  type MergedAdapter,
} from '../../../../src/engine/adapter/merge/mergeAdapters';
import type { MergePart } from '../../../../src/engine/adapter/merge/adapters/mergeFit';
import {
  denseProducts,
  minus,
  squareOf,
  squaredSingularValues,
  transposed,
  weightedSum,
  type Dense,
} from '../../../helpers/dense';
import { BASES, fixture, readGold, type BaseName } from '../../../helpers/gold';
import { writePeftAdapter } from '../../../helpers/writeAdapter';

let folder: string;
let out: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lora-swarm-merge-'));
  out = join(folder, 'out');
});
afterEach(async () => {
  const left = (await readdir(folder)).filter((name) => name.endsWith('.part'));
  assert.deepEqual(left, [], 'nothing half-written is left');
  await rm(out, { recursive: true, force: true });
});
after(() => rm(folder, { recursive: true }));

const CONCAT: MergeOptions = { method: 'concat' };

async function part(path: string, weight: number, base?: BaseName): Promise<MergePart> {
  return {
    info: await inspectAdapter(path),
    weight,
    label: path.split(/[\\/]/).at(-1)!,
    ...(base ? { base: await baseModelFromGguf(fixture(base, 'base.f32.gguf')) } : {}),
  };
}

/** Adapters of the fixtures of one base. */
async function parts(base: BaseName, weights: Readonly<Record<string, number>>): Promise<MergePart[]> {
  return Promise.all(
    Object.entries(weights).map(([name, weight]) => part(fixture(base, 'adapters', name), weight, base)),
  );
}

/** What the folder's bytes say: its own products, with scale 1 as its config has it. */
function mergedProducts(): ReadonlyMap<string, Dense> {
  return denseProducts(out);
}

/** The weighted sum with the scales of the gold file, for parts that are PEFT in F32. */
function goldSum(base: BaseName, weights: Readonly<Record<string, number>>): ReadonlyMap<string, Dense> {
  const terms = new Map<string, (readonly [number, Dense])[]>();
  for (const [name, weight] of Object.entries(weights)) {
    const { dir, facts } = readGold(base).adapters[name]!;
    for (const [module, dense] of denseProducts(fixture(base, dir))) {
      const term = [weight * facts.modules![module]!.scaling, dense] as const;
      terms.set(module, [...(terms.get(module) ?? []), term]);
    }
  }
  return new Map([...terms].map(([module, of]) => [module, weightedSum(of)]));
}

/** The same singular values, with the shorter side across. */
function narrow(dense: Dense): Dense {
  return dense.columns <= dense.rows ? dense : transposed(dense);
}

function relative(found: Dense, wanted: Dense): number {
  return Math.sqrt(squareOf(minus(found, wanted)) / squareOf(wanted));
}

describe('mergeAdapters by concatenation', () => {
  for (const base of BASES)
    for (const [name, merge] of Object.entries(readGold(base).merges))
      it(`${base}: ${name} has the norms of the weighted sum`, async () => {
        const weights = Object.fromEntries(merge.parts.map(({ adapter, weight }) => [adapter, weight]));

        const merged = await mergeAdapters(await parts(base, weights), out, CONCAT);

        const products = mergedProducts();
        assert.deepEqual([...products.keys()].sort(), Object.keys(merge.modules).sort());
        for (const [module, { fro_delta, max_abs_delta }] of Object.entries(merge.modules)) {
          const dense = products.get(module)!;
          assert.ok(Math.abs(Math.sqrt(squareOf(dense)) - fro_delta) < 1e-6 * fro_delta, module);
          const largest = dense.values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
          assert.ok(Math.abs(largest - max_abs_delta) < 1e-6 * max_abs_delta, module);
        }
        assert.equal(merged.error.whole, 0);
        assert.equal(merged.pairs, products.size);
      });

  it('is what it says: scale 1 everywhere, ranks added up, nothing wrong with it', async () => {
    await mergeAdapters(await parts('llama', { 'rslora-r8': 0.7, patterns: 0.3 }), out, CONCAT);

    const [rslora, patterns] = await Promise.all(
      ['rslora-r8', 'patterns'].map((name) => inspectAdapter(fixture('llama', 'adapters', name))),
    );
    const info = await inspectAdapter(out);
    assert.deepEqual(info.problems, []);
    assert.equal(info.baseModel, rslora!.baseModel);
    assert.equal(info.dtype, 'F32');
    for (const { name, rank, scale } of info.modules) {
      assert.equal(scale, 1, name);
      const ranks = [rslora!, patterns!].map(({ modules }) => modules.find((one) => one.name === name)?.rank ?? 0);
      assert.equal(rank, ranks[0]! + ranks[1]!, name);
    }
  });

  it('names modules one by one where not all blocks have them', async () => {
    await mergeAdapters(await parts('llama', { 'layer1-only': 1 }), out, CONCAT);

    const config = JSON.parse(readFileSync(join(out, 'adapter_config.json'), 'utf8')) as { target_modules: string[] };
    assert.ok(config.target_modules.length > 0);
    for (const name of config.target_modules) assert.match(name, /^model\.layers\.1\./);
  });

  it('keeps the names of a text model inside a larger one, while all parts have them', async () => {
    const [inner, plain] = (await parts('gemma3', { 'mm-names': 1, 'qv-r2': 1 })) as [MergePart, MergePart];
    const beginnings = (): ReadonlySet<string> =>
      new Set([...mergedProducts().keys()].map((name) => name.replace(/layers\..*/, 'layers')));

    await mergeAdapters([inner, inner], out, CONCAT);
    const kept = beginnings();
    await rm(out, { recursive: true });
    await mergeAdapters([inner, plain], out, CONCAT);

    assert.deepEqual(kept, new Set(['model.language_model.layers']));
    assert.deepEqual(beginnings(), new Set(['model.layers']));
  });

  it('takes away with a negative weight: an adapter minus itself is nothing', async () => {
    const [one] = (await parts('llama', { 'all-r8': 1 })) as [MergePart];

    await mergeAdapters([one, { ...one, weight: -1 }], out, CONCAT);

    for (const [name, dense] of mergedProducts()) assert.ok(squareOf(dense) < 1e-12, name);
  });

  it('writes no effect at all for weight 0, of either sign', async () => {
    const [one] = (await parts('llama', { 'qv-r4': 1 })) as [MergePart];

    await mergeAdapters([{ ...one, weight: 0 }], out, CONCAT);
    const bytes = await readFile(join(out, 'adapter_model.safetensors'));
    for (const dense of mergedProducts().values()) assert.equal(squareOf(dense), 0);
    await rm(out, { recursive: true });
    await mergeAdapters([{ ...one, weight: -0 }], out, CONCAT);

    assert.ok(bytes.equals(await readFile(join(out, 'adapter_model.safetensors'))));
  });
});

describe('mergeAdapters by SVD', () => {
  const weights = { 'all-r8': 0.7, 'rslora-r8': -0.4 };

  it('is exact at the full rank', async () => {
    const { error } = await mergeAdapters(await parts('llama', weights), out, { method: 'svd', rank: 64 });

    const wanted = goldSum('llama', weights);
    for (const [name, dense] of mergedProducts()) assert.ok(relative(dense, wanted.get(name)!) < 1e-6, name);
    assert.equal(error.whole, 0);
  });

  it('is the best of each rank, and names its error', async () => {
    const wanted = goldSum('llama', weights);
    const singular = new Map([...wanted].map(([name, dense]) => [name, squaredSingularValues(narrow(dense))]));
    for (const rank of [1, 4, 10]) {
      const merged = await mergeAdapters(await parts('llama', weights), out, { method: 'svd', rank });

      const products = mergedProducts();
      let [lost, square] = [0, 0];
      for (const { name, error } of merged.error.modules) {
        const least = singular
          .get(name)!
          .subarray(rank)
          .reduce((sum, value) => sum + value, 0);
        assert.ok(Math.abs(error - Math.sqrt(least / squareOf(wanted.get(name)!))) < 1e-6, name);
        assert.ok(Math.abs(error - relative(products.get(name)!, wanted.get(name)!)) < 1e-6, name);
        lost += least;
        square += squareOf(wanted.get(name)!);
      }
      assert.ok(Math.abs(merged.error.whole - Math.sqrt(lost / square)) < 1e-6);
      assert.equal(merged.rank, rank);
      assert.equal((await inspectAdapter(out)).rank, rank);
      await rm(out, { recursive: true });
    }
  });
});

describe('mergeAdapters by TIES and DARE', () => {
  const weights = { 'all-r8': 1, 'qv-r4': 0.5 };

  it('is the weighted sum by DARE that drops nothing', async () => {
    const { error } = await mergeAdapters(await parts('llama', weights), out, { method: 'dare', rank: 12, density: 1 });

    const wanted = goldSum('llama', weights);
    for (const [name, dense] of mergedProducts()) assert.ok(relative(dense, wanted.get(name)!) < 1e-5, name);
    assert.ok(error.whole < 1e-6);
  });

  it('is one adapter alone by TIES that trims nothing', async () => {
    await mergeAdapters(await parts('llama', { 'all-r8': 1 }), out, { method: 'ties', rank: 8, density: 1 });

    const wanted = goldSum('llama', { 'all-r8': 1 });
    for (const [name, dense] of mergedProducts()) assert.ok(relative(dense, wanted.get(name)!) < 1e-5, name);
  });

  it('says how far off it is, and gets nearer with more rank', async () => {
    const errors: number[] = [];
    for (const rank of [4, 16, 64]) {
      const { error } = await mergeAdapters(await parts('llama', weights), out, { method: 'ties', rank, density: 0.3 });
      errors.push(error.whole);
      await rm(out, { recursive: true });
    }

    assert.ok(errors[0]! > errors[1]! && errors[1]! > errors[2]!, String(errors));
    assert.ok(errors[0]! < 1 && errors[2]! < 1e-6, String(errors));
  });
});

describe('what mergeAdapters writes', () => {
  /** SHA-256 of weights and config: whoever merges the same gets the same content id, on every machine. */
  const DIGESTS: Readonly<Record<string, string>> = {
    concat: 'c1b0bed99db04dbed17a58c8a79700a2c7db76094a3ea3e0f536234cd3bfbaa7',
    svd: '37775a859b62d1217034f9896748866ff7c6621c57f3d7002fe3bf946908e431',
    ties: 'a4aa802b57f5f7787ebf9a9aedde33de756baa53ef41bde52ec67e378a885da9',
    dare: '9d1c86e8b9ca67d3bcedab42683f755bd2c9db9c01d69195c7eff9d2b4757b63',
  };
  for (const method of ['concat', 'svd', 'ties', 'dare'] as const)
    it(`is the same bytes each time and everywhere: ${method}`, async () => {
      const options: MergeOptions = { method, rank: 4, density: 0.5, seed: 7 };

      await mergeAdapters(await parts('llama', { 'all-r8': 0.7, 'qv-r4': -0.3 }), out, options);

      const hash = createHash('sha256');
      for (const name of ['adapter_model.safetensors', 'adapter_config.json'])
        hash.update(await readFile(join(out, name)));
      assert.equal(hash.digest('hex'), DIGESTS[method]);
    });

  it('is other bytes with another seed', async () => {
    const bytes: Buffer[] = [];
    for (const seed of [1, 2]) {
      await mergeAdapters(await parts('llama', { 'qv-r4': 1 }), out, { method: 'dare', rank: 4, density: 0.5, seed });
      bytes.push(await readFile(join(out, 'adapter_model.safetensors')));
      await rm(out, { recursive: true });
    }

    assert.ok(!bytes[0]!.equals(bytes[1]!));
  });

  it('has a card with its parts, and a license only when all agree', async () => {
    const [one, two] = await Promise.all(
      ['mit', 'apache-2.0'].map(async (license, seed) => {
        const card = `---\nlicense: ${license}\n---\n`;
        const { folder: path } = await writePeftAdapter(join(folder, `card-${seed}`), { seed: seed + 1, card });
        return part(path, seed === 0 ? 0.5 : -1);
      }),
    );
    const id = 'ab'.repeat(32);

    await mergeAdapters([{ ...one!, id, label: '<b>|[x](y)\n' }, two!], out, { method: 'svd', rank: 2 });
    const differ = await readFile(join(out, 'README.md'), 'utf8');
    await rm(out, { recursive: true });
    await mergeAdapters([one!, one!], out, CONCAT);
    const agree = await inspectAdapter(out);

    assert.match(differ, new RegExp(`\\| 0\\.5 \\| \`${id}\` \\| fx/tiny-llama \\| mit \\|`));
    assert.match(differ, /\| -1 \|  \| fx\/tiny-llama \| apache-2\.0 \|/);
    assert.match(differ, /relative error 0\.\d/);
    assert.match(differ, /\\<b\\>\\\|\\\[x\\\]\(y\)\?/);
    assert.doesNotMatch(differ, /^license:/m);
    assert.equal(agree.license, 'mit');
  });

  it('goes into an empty folder, and tells how far it is', async () => {
    await mkdir(out);
    const seen: (readonly [number, number])[] = [];

    const { bytes } = await mergeAdapters(await parts('llama', { 'all-r8': 1 }), out, {
      ...CONCAT,
      onProgress: (done, total) => seen.push([done, total]),
      beside: (sha256) => ({ name: 'made.txt', text: sha256 }),
    });

    assert.deepEqual((await readdir(out)).sort(), [
      'README.md',
      'adapter_config.json',
      'adapter_model.safetensors',
      'made.txt',
    ]);
    const weights = await readFile(join(out, 'adapter_model.safetensors'));
    assert.equal(weights.length, bytes);
    assert.equal(await readFile(join(out, 'made.txt'), 'utf8'), createHash('sha256').update(weights).digest('hex'));
    assert.deepEqual(seen.at(-1), [bytes, bytes]);
    assert.deepEqual(
      seen.map(([done]) => done),
      seen.map(([done]) => done).sort((a, b) => a - b),
    );
  });
});

describe('mergeAdapters refuses', () => {
  const llama = [
    'dora',
    'mlx-dora',
    'head-saved',
    'lora-bias',
    'alora',
    'pissa',
    'ia3',
    'loha',
    'missing-b',
    'rank-lie',
  ];
  for (const name of [...llama, 'mlx-full'])
    it(`a part that is more than its pairs, or less: ${name}`, async () => {
      const weights = { 'all-r8': 1, [name]: 1 };

      await assert.rejects(mergeAdapters(await parts('llama', weights), out, CONCAT), {
        code: 'MERGE_UNSUPPORTED',
        message: new RegExp(name),
      });
      assert.ok(!existsSync(out));
    });

  it('a part without a scale', async () => {
    const { folder: path } = await writePeftAdapter(join(folder, 'no-alpha'), { alpha: null });

    await assert.rejects(mergeAdapters([await part(path, 1)], out, CONCAT), { code: 'ADAPTER_CONFIG_MISSING' });
  });

  it('another shape, with the module that shows it', async () => {
    const { folder: wide } = await writePeftAdapter(join(folder, 'wide'), { hidden: 128 });

    const merging = mergeAdapters([...(await parts('llama', { 'all-r8': 1 })), await part(wide, 1)], out, CONCAT);

    await assert.rejects(merging, { code: 'BASE_UNFIT', message: /self_attn\.q_proj.*64 → 64.*128 → 128/ });
  });

  it('another width, though no module is in both', async () => {
    const one = await writePeftAdapter(join(folder, 'only-q'), { targets: ['q_proj'], base: null });
    const two = await writePeftAdapter(join(folder, 'only-o'), { targets: ['o_proj'], hidden: 32, base: null });

    const merging = mergeAdapters([await part(one.folder, 1), await part(two.folder, 1)], out, CONCAT);

    await assert.rejects(merging, { code: 'BASE_UNFIT', message: /width 64.*32/ });
  });

  it('another architecture', async () => {
    const merging = mergeAdapters(
      [await part(fixture('bad', 'ok.gguf'), 1, 'llama'), await part(fixture('bad', 'wrong-arch.gguf'), 1, 'llama')],
      out,
      CONCAT,
    );

    await assert.rejects(merging, { code: /^(BASE_UNFIT|MERGE_UNSUPPORTED)$/ });
  });

  it('another base by name only when no module shows the same shape, else it warns', async () => {
    const make = async (name: string, base: string, target: 'q_proj' | 'v_proj'): Promise<MergePart> =>
      part((await writePeftAdapter(join(folder, name), { base, targets: [target] })).folder, 1);
    const [one, same, other] = await Promise.all([
      make('one', 'acme/first-7b', 'q_proj'),
      make('same', 'acme/second-7b', 'q_proj'),
      make('other', 'acme/second-7b', 'v_proj'),
    ]);

    const merged: MergedAdapter = await mergeAdapters([one, same], out, CONCAT);

    assert.match(merged.warnings[0]!, /acme\/first-7b.*acme\/second-7b/);
    assert.match(await readFile(join(out, 'README.md'), 'utf8'), /trained on acme\/first-7b/);
    await rm(out, { recursive: true });
    await assert.rejects(mergeAdapters([one, other], out, CONCAT), { code: 'BASE_UNFIT', message: /second-7b/ });
  });

  it('a LoRA GGUF of a llama whose heads nobody knows', async () => {
    const path = fixture('llama', 'lora-gguf', 'patterns.gguf');

    await assert.rejects(mergeAdapters([await part(path, 1)], out, CONCAT), { code: 'BASE_UNKNOWN' });
    await mergeAdapters([await part(path, 1, 'llama')], out, CONCAT);
    assert.ok(existsSync(out));
  });

  it('an embedding by MLX that may act on both ends', async () => {
    const path = fixture('qwen2', 'adapters', 'mlx-tied-embed');

    await assert.rejects(mergeAdapters([await part(path, 1)], out, CONCAT), { code: 'MERGE_UNSUPPORTED' });
    await assert.rejects(mergeAdapters([await part(path, 1, 'qwen2')], out, CONCAT), { code: 'MERGE_UNSUPPORTED' });
  });

  it('values that are no numbers, found on the way', async () => {
    const { weightsPath, configPath } = await writePeftAdapter(join(folder, 'nan-source'), {});
    const bad = join(folder, 'nan');
    await mkdir(bad);
    const bytes = await readFile(weightsPath);
    bytes.writeFloatLE(NaN, bytes.length - 400);
    await writeFile(join(bad, 'adapter_model.safetensors'), bytes);
    await copyFile(configPath, join(bad, 'adapter_config.json'));

    await assert.rejects(mergeAdapters([await part(bad, 1)], out, CONCAT), { code: 'MERGE_UNSUPPORTED' });
    assert.ok(!existsSync(out));
  });

  it('weights that make its values too large to write', async () => {
    const { folder: path } = await writePeftAdapter(join(folder, 'huge'), { alpha: 1e38, rank: 1 });

    await assert.rejects(mergeAdapters([await part(path, 1000)], out, CONCAT), { code: 'MERGE_UNSUPPORTED' });
  });

  it('a folder with something in it, and leaves that alone', async () => {
    await mkdir(out);
    await writeFile(join(out, 'mine'), 'x');

    await assert.rejects(mergeAdapters(await parts('llama', { 'all-r8': 1 }), out, CONCAT), { code: 'USAGE' });
    assert.deepEqual(await readdir(out), ['mine']);
  });

  it('a file that changed since it was looked at', async () => {
    const { folder: path } = await writePeftAdapter(join(folder, 'changed'), {});
    const one = await part(path, 1);
    await writePeftAdapter(path, { rank: 8 });

    await assert.rejects(mergeAdapters([one], out, CONCAT), { code: 'SOURCE_CHANGED' });
  });

  it('to go on when the user gives up', async () => {
    const abort = new AbortController();
    const merging = mergeAdapters(await parts('llama', { 'all-r8': 1 }), out, {
      ...CONCAT,
      signal: abort.signal,
      onProgress: () => abort.abort(),
    });

    await assert.rejects(merging, { name: 'AbortError' });
    assert.ok(!existsSync(out));
  });
});
