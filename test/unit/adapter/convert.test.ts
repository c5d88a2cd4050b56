import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BaseModel } from '../../../src/engine/adapter/baseModel';
import { convertAdapter } from '../../../src/engine/adapter/convert';
import { readGgufHeader } from '../../../src/engine/adapter/gguf';
import { baseModelFromGguf } from '../../../src/engine/adapter/ggufBaseModel';
import { inspectAdapter } from '../../../src/engine/adapter/inspect';
import { readSafetensorsHeader } from '../../../src/engine/adapter/safetensors';
import { fixture, goldFixtures, type BaseName } from '../../helpers/gold';
import { info, rawGguf, text } from '../../helpers/rawGguf';
import { writePeftAdapter } from '../../helpers/writeAdapter';

let folder: string;
let out: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lora-swarm-convert-'));
  out = join(folder, 'out.gguf');
});
afterEach(async () => {
  const left = (await readdir(folder)).filter((name) => name.endsWith('.part'));
  assert.deepEqual(left, [], 'nothing half-written is left');
  await rm(out, { force: true });
});
after(() => rm(folder, { recursive: true }));

describe('convertAdapter', () => {
  for (const { base, name, folder: path, facts, expect } of goldFixtures(existsSync)) {
    if (name === 'pickle-only') continue;

    it(`${base}: ${name} is ${expect.gguf === 'exact' ? 'converted' : `refused (${expect.why})`}`, async () => {
      const info = await inspectAdapter(path);
      const converting = convertAdapter(info, await baseOf(base), out);

      if (expect.gguf === 'refuse') {
        await assert.rejects(converting, {
          code: /^(missing-b|rank-lie)$/.test(name) ? 'ADAPTER_CONTRADICTION' : 'CONVERT_UNSUPPORTED',
        });
        assert.ok(!existsSync(out));
        return;
      }
      const { bytes, tensors, alpha } = await converting;
      const header = await readGgufHeader(out);
      assert.equal(header.fileBytes, bytes);
      assert.equal(tensors, 2 * facts.pairs!);
      assert.equal(header.values.get('adapter.lora.alpha'), Math.fround(alpha));
      for (const { gguf, r, in: inFeatures, out: outFeatures, embedding } of Object.values(facts.modules!)) {
        assert.deepEqual(header.tensors.get(`${gguf}.lora_a`)?.dims, embedding ? [r, inFeatures] : [inFeatures, r]);
        assert.deepEqual(header.tensors.get(`${gguf}.lora_b`)?.dims, [r, outFeatures]);
        assert.equal(header.tensors.get(`${gguf}.lora_a`)?.type.name, facts.file!.dtypes[0]);
      }
    });
  }

  it('gives the reference conversion, bit for bit, where one alpha says it all', async () => {
    await convertAdapter(await inspectAdapter(fixture('llama/adapters/embed-head')), await baseOf('llama'), out);

    assert.deepEqual(await tensorHashes(out), await tensorHashes(fixture('llama/lora-gguf/embed-head.gguf')));
  });

  it('copies A as it is and gives B of q the row order of llama.cpp', async () => {
    const info = await inspectAdapter(fixture('llama/adapters/qv-r4'));

    await convertAdapter(info, await baseOf('llama'), out);

    const stored = await bytesOfSafetensors(info.weightsPath);
    const written = await bytesOfGguf(out);
    const prefix = 'base_model.model.model.layers.0.self_attn';
    assert.deepEqual(written.get('blk.0.attn_q.weight.lora_a'), stored.get(`${prefix}.q_proj.lora_A.weight`));
    assert.deepEqual(written.get('blk.0.attn_v.weight.lora_b'), stored.get(`${prefix}.v_proj.lora_B.weight`));
    const rowBytes = 4 * 4;
    const row = (bytes: Buffer, index: number) => bytes.subarray(index * rowBytes, (index + 1) * rowBytes);
    const [before, after] = [stored.get(`${prefix}.q_proj.lora_B.weight`)!, written.get('blk.0.attn_q.weight.lora_b')!];
    for (let head = 0; head < 4; head++) {
      for (let index = 0; index < 8; index++) {
        assert.deepEqual(row(after, head * 16 + 2 * index), row(before, head * 16 + index));
        assert.deepEqual(row(after, head * 16 + 2 * index + 1), row(before, head * 16 + 8 + index));
      }
    }
  });

  it('never writes an alpha of 0, which would mean scale 1', async () => {
    const { alpha } = await convertAdapter(
      await inspectAdapter(fixture('llama/adapters/alpha-zero')),
      await baseOf('llama'),
      out,
    );

    assert.equal(alpha, 1);
    for (const [name, bytes] of await bytesOfGguf(out)) {
      assert.equal(
        bytes.every((byte) => byte === 0),
        name.endsWith('.lora_b'),
        name,
      );
    }
  });

  it('keeps the type of the source, or narrows to another', async () => {
    const info = await inspectAdapter(fixture('llama/adapters/bf16'));
    const base = await baseOf('llama');
    const types = async () => new Set([...(await readGgufHeader(out)).tensors.values()].map(({ type }) => type.name));

    await convertAdapter(info, base, out);
    assert.deepEqual(await types(), new Set(['BF16']));
    await convertAdapter(info, base, out, { type: 'f32' });
    assert.deepEqual(await types(), new Set(['F32']));
    await convertAdapter(info, base, out, { type: 'f16' });
    assert.deepEqual(await types(), new Set(['F16']));
  });

  it('gives the same bytes every time, whatever the folder is called', async () => {
    const base = await baseOf('llama');
    const copy = join(folder, 'under another name');
    await cp(fixture('llama/adapters/patterns'), copy, { recursive: true });

    const digests = new Set<string>();
    for (const path of [fixture('llama/adapters/patterns'), fixture('llama/adapters/patterns'), copy]) {
      await convertAdapter(await inspectAdapter(path), base, out);
      digests.add(
        createHash('sha256')
          .update(await readFile(out))
          .digest('hex'),
      );
    }

    assert.equal(digests.size, 1);
  });

  it('never writes an alpha that 32 bits make 0 or infinite of: it goes into B, or B has no room for it', async () => {
    const path = join(folder, 'far');
    const base = await baseOf('llama');
    for (const alpha of [1e-50, 3.3e38, 1e39]) {
      await writePeftAdapter(path, { alpha });
      await convertAdapter(await inspectAdapter(path), base, out);
      const written = await inspectAdapter(out);
      assert.deepEqual([written.alpha, written.problems], [1, []], `${alpha}`);
    }
    for (const alpha of [1e300, -1e300]) {
      await writePeftAdapter(path, { alpha });
      const result = convertAdapter(await inspectAdapter(path), base, out);
      await assert.rejects(result, { code: 'CONVERT_UNSUPPORTED', message: /too large/ }, `${alpha}`);
    }
  });

  it('refuses what is not a number, and leaves what was there', async () => {
    const path = join(folder, 'nan');
    const written = await writePeftAdapter(path, {});
    const bytes = await readFile(written.weightsPath);
    bytes.writeFloatLE(NaN, bytes.length - 4);
    await writeFile(written.weightsPath, bytes);
    await writeFile(out, 'mine');

    await assert.rejects(convertAdapter(await inspectAdapter(path), await baseOf('llama'), out), {
      code: 'CONVERT_UNSUPPORTED',
      message: /NaN/,
    });

    assert.equal(await readFile(out, 'utf8'), 'mine');
  });

  it('refuses F16 where values do not fit it', async () => {
    const path = join(folder, 'large');
    const written = await writePeftAdapter(path, {});
    const bytes = await readFile(written.weightsPath);
    bytes.writeFloatLE(70_000, bytes.length - 4);
    await writeFile(written.weightsPath, bytes);
    const info = await inspectAdapter(path);

    await assert.rejects(convertAdapter(info, await baseOf('llama'), out, { type: 'f16' }), {
      code: 'CONVERT_UNSUPPORTED',
    });
    await convertAdapter(info, await baseOf('llama'), out, { type: 'bf16' });
  });

  it('refuses what gets too large by its scale', async () => {
    const path = join(folder, 'overflow');
    const written = await writePeftAdapter(path, {
      targets: ['q_proj', 'v_proj', 'o_proj'],
      extra: { alpha_pattern: { q_proj: 80 } },
    });
    const bytes = await readFile(written.weightsPath);
    const header = await readSafetensorsHeader(written.weightsPath);
    const entry = header.tensors.get('base_model.model.model.layers.0.self_attn.v_proj.lora_B.weight')!;
    const other = header.tensors.get('base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight')!;
    bytes.writeFloatLE(3e38, entry.offset);
    bytes.writeFloatLE(3e38, other.offset);
    await writeFile(written.weightsPath, bytes);

    await assert.rejects(convertAdapter(await inspectAdapter(path), await baseOf('llama'), out), {
      code: 'CONVERT_UNSUPPORTED',
      message: /q_proj.*too large for F32/,
    });
  });

  it('refuses without a scale, without a fit and for architectures that were not proven', async () => {
    const bare = await inspectAdapter((await writePeftAdapter(join(folder, 'bare'), { config: false })).folder);
    const info = await inspectAdapter(fixture('llama/adapters/all-r8'));
    const base = await baseOf('llama');

    await assert.rejects(convertAdapter(bare, base, out), { code: 'ADAPTER_CONFIG_MISSING' });
    await assert.rejects(convertAdapter(info, await baseOf('mistral'), out), { code: 'BASE_UNFIT' });
    await assert.rejects(convertAdapter(info, { ...base, architecture: 'olmo2' }, out), {
      code: 'CONVERT_UNSUPPORTED',
    });
  });

  it('notices weights that changed since they were inspected', async () => {
    const path = join(folder, 'changing');
    await writePeftAdapter(path, {});
    const info = await inspectAdapter(path);
    await writePeftAdapter(path, { rank: 8 });

    await assert.rejects(convertAdapter(info, await baseOf('llama'), out), { code: 'SOURCE_CHANGED' });
  });

  it('stops when told to', async () => {
    const info = await inspectAdapter(fixture('llama/adapters/all-r8'));

    await assert.rejects(convertAdapter(info, await baseOf('llama'), out, { signal: AbortSignal.abort() }), {
      name: 'AbortError',
    });
  });

  it('says so when the folder is not there', async () => {
    const info = await inspectAdapter(fixture('llama/adapters/all-r8'));

    await assert.rejects(convertAdapter(info, await baseOf('llama'), join(folder, 'none/out.gguf')), {
      code: 'ENOENT',
    });
  });
});

describe('convertAdapter on a LoRA GGUF', () => {
  it('copies it byte for byte', async () => {
    const source = fixture('llama/lora-gguf/patterns.gguf');

    const { bytes, alpha } = await convertAdapter(await inspectAdapter(source), await baseOf('llama'), out);

    assert.deepEqual(await readFile(out), await readFile(source));
    assert.deepEqual([bytes, alpha], [61_984, 32]);
  });

  const refused: Record<string, readonly [BaseName, string]> = {
    'embed-tied.gguf': ['qwen2', 'CONVERT_UNSUPPORTED'],
    'embed-rank.gguf': ['llama', 'ADAPTER_CONTRADICTION'],
    'type-i32.gguf': ['llama', 'CONVERT_UNSUPPORTED'],
    'three-d.gguf': ['llama', 'ADAPTER_CONTRADICTION'],
    'missing-b.gguf': ['llama', 'ADAPTER_CONTRADICTION'],
    'wrong-shape.gguf': ['llama', 'BASE_UNFIT'],
    'wrong-arch.gguf': ['llama', 'BASE_UNFIT'],
    'not-adapter.gguf': ['llama', 'CONVERT_UNSUPPORTED'],
    'nan.gguf': ['llama', 'CONVERT_UNSUPPORTED'],
    'norm-pair.gguf': ['llama', 'CONVERT_UNSUPPORTED'],
  };
  for (const [file, [base, code]] of Object.entries(refused)) {
    it(`refuses ${file} before llama.cpp sees it`, async () => {
      await assert.rejects(convertAdapter(await inspectAdapter(fixture('bad', file)), await baseOf(base), out), {
        code,
      });
      assert.ok(!existsSync(out));
    });
  }

  it('finds a scale that is no number in a quantized pair', async () => {
    const path = join(folder, 'quantized.gguf');
    const block = Buffer.alloc(34, 1);
    block.writeUInt16LE(0x3c00); // A Q8_0 block: its scale, 1, then 32 whole numbers.
    const half = Buffer.concat(Array.from({ length: 64 }, () => block));
    const values = [
      text('general.architecture', 'llama'),
      text('general.type', 'adapter'),
      text('adapter.type', 'lora'),
    ];
    const pair = [
      info('blk.0.attn_q.weight.lora_a', [64, 32], 8, 0),
      info('blk.0.attn_q.weight.lora_b', [32, 64], 8, half.length),
    ];
    const data = Buffer.concat([half, half]);
    const write = () => writeFile(path, rawGguf({ values, tensors: pair, data }));

    await write();
    await convertAdapter(await inspectAdapter(path), await baseOf('llama'), out);
    data.writeUInt16LE(0x7e00, half.length + 63 * 34);
    await write();

    await assert.rejects(convertAdapter(await inspectAdapter(path), await baseOf('llama'), out), {
      message: /lora_b holds values/,
    });
  });

  it('checks the copy, not what was inspected', async () => {
    const path = join(folder, 'swapped.gguf');
    await copyFile(fixture('bad/ok.gguf'), path);
    const info = await inspectAdapter(path);
    await cp(fixture('bad/type-i32.gguf'), path);

    await assert.rejects(convertAdapter(info, await baseOf('llama'), out), { code: 'SOURCE_CHANGED' });
  });
});

const bases = new Map<BaseName, Promise<BaseModel>>();
function baseOf(name: BaseName): Promise<BaseModel> {
  const base = bases.get(name) ?? baseModelFromGguf(fixture(name, 'base.f32.gguf'));
  bases.set(name, base);
  return base;
}

async function bytesOfGguf(path: string): Promise<ReadonlyMap<string, Buffer>> {
  const bytes = await readFile(path);
  const { tensors } = await readGgufHeader(path);
  return new Map(
    [...tensors.values()].map(({ name, offset, byteLength }) => [name, bytes.subarray(offset, offset + byteLength)]),
  );
}

async function bytesOfSafetensors(path: string): Promise<ReadonlyMap<string, Buffer>> {
  const bytes = await readFile(path);
  const { tensors } = await readSafetensorsHeader(path);
  return new Map(
    [...tensors.values()].map(({ name, offset, byteLength }) => [name, bytes.subarray(offset, offset + byteLength)]),
  );
}

async function tensorHashes(path: string): Promise<ReadonlyMap<string, string>> {
  const tensors = [...(await bytesOfGguf(path))].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(tensors.map(([name, bytes]) => [name, createHash('sha256').update(bytes).digest('hex')]));
}
