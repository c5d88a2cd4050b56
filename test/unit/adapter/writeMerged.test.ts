import assert from 'node:assert/strict';
import fs from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { hasCode, isAbort } from '../../../src/engine/errors';
import { readGgufHeader, type GgufTensor } from '../../../src/engine/adapter/gguf';
import { mergedSize } from '../../../src/engine/adapter/merge/writing/mergedPlan';
import type { LowRank, TensorChange } from '../../../src/engine/adapter/merge/tensorChange';
import { writeMerged, type WriteMergedOptions } from '../../../src/engine/adapter/merge/writing/writeMerged';
import { float32ToF16 } from '../../../src/engine/adapter/floats';
import { dequantize } from '../../../src/engine/adapter/quant/dequantize';
import { armFaults } from '../../helpers/faults';
import { fixture } from '../../helpers/gold';
import { info, rawGguf, text, u32, value } from '../../helpers/rawGguf';

const LLAMA_F32 = fixture('llama', 'base.f32.gguf');
const LLAMA_F16 = fixture('llama', 'base.f16.gguf');
const QUERY = 'blk.0.attn_q.weight';
const DOWN = 'blk.1.ffn_down.weight';
const NORM = 'blk.0.attn_norm.weight';

describe('writeMerged', () => {
  let folder: string;
  let out: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lora-swarm-merged-'));
    out = join(folder, 'merged.gguf');
  });

  afterEach(() => rm(folder, { recursive: true }));

  const merge = (base: string, changes: readonly TensorChange[], options: Partial<WriteMergedOptions> = {}) =>
    writeMerged(base, changes, out, { type: 'keep', ...options });

  for (const [base, type] of [
    [LLAMA_F32, 'F32'],
    [LLAMA_F16, 'F16'],
    [fixture('llama-quant', 'base.q8_0.gguf'), 'Q8_0'],
  ] as const)
    it(`adds factor · B · A to ${type} tensors, in their own type`, async () => {
      const query = await tensorOf(base, QUERY);
      const low = [lowRank(query, 4, 0.5, 1), lowRank(query, 3, -2, 2)];

      const result = await merge(base, [changeOf(query, { low })]);

      const merged = await valuesOf(out, QUERY);
      assert.equal((await tensorOf(out, QUERY)).type.name, type);
      assert.deepEqual(result.retyped, []);
      assertClose(merged, await reference(await valuesOf(base, QUERY), query, low), type);
    });

  for (const [quant, to] of [
    ['q4_0', 'Q8_0'],
    ['q4_k_m', 'Q8_0'],
    ['q5_k_m', 'Q8_0'],
  ] as const)
    it(`writes what it touches of a ${quant} base as ${to}, and says so`, async () => {
      const base = fixture('llama-quant', `base.${quant}.gguf`);
      const query = await tensorOf(base, QUERY);
      const low = [lowRank(query, 4, 1, 3)];

      const result = await merge(base, [changeOf(query, { low })]);

      assert.deepEqual(result.retyped, [{ name: QUERY, from: query.type.name, to }]);
      assertClose(await valuesOf(out, QUERY), await reference(await valuesOf(base, QUERY), query, low), to);
    });

  it('copies what it does not touch byte for byte, and all values of the base', async () => {
    const base = fixture('llama-quant', 'base.q4_k_m.gguf');
    const query = await tensorOf(base, QUERY);

    await merge(base, [changeOf(query, { low: [lowRank(query, 4, 1, 3)] })]);

    const [before, after] = [await readGgufHeader(base), await readGgufHeader(out)];
    const [beforeBytes, afterBytes] = [await readFile(base), await readFile(out)];
    assert.deepEqual([...after.tensors.keys()], [...before.tensors.keys()]);
    assert.ok(afterBytes.subarray(0, before.valuesEnd).equals(beforeBytes.subarray(0, before.valuesEnd)));
    for (const tensor of before.tensors.values()) {
      const copy = after.tensors.get(tensor.name)!;
      if (tensor.name !== QUERY) assert.ok(bytesOf(afterBytes, copy).equals(bytesOf(beforeBytes, tensor)), tensor.name);
    }
    assert.equal(after.trailingBytes, 0);
  });

  it('goes through a tensor of several pieces', async () => {
    const [width, rows] = [4004, 75];
    const base = join(folder, 'wide.gguf');
    const data = Buffer.from(float32ToF16(noise(width * rows, 1)));
    await writeFile(base, rawGguf({ values: [], tensors: [info('wide.weight', [width, rows], 1, 0)], data }));
    const wide = await tensorOf(base, 'wide.weight');
    const [low, addend] = [[lowRank(wide, 2, 0.5, 2)], noise(width * rows, 3)];
    const replaced = new Map([0, 64, 65, 74].map((row) => [row, noise(width, row)]));
    const expected = await reference(await valuesOf(base, wide.name), wide, low);
    addend.forEach((value, at) => (expected[at]! += value));
    for (const [row, values] of replaced) expected.set(values, row * width);

    const changes = [
      changeOf(wide, { low, addend: () => Promise.resolve(addend), rows: () => Promise.resolve(replaced) }),
      { name: 'made.weight', dims: wide.dims, low: [], replacement: rowsIn(addend, wide) },
    ];

    for (const threads of [0, 2]) {
      await merge(base, changes, { threads });

      assertClose(await valuesOf(out, wide.name), expected, 'F16');
      assert.ok(Buffer.from((await valuesOf(out, 'made.weight')).buffer).equals(Buffer.from(addend.buffer)));
    }
  });

  it('gives rows the length that DoRA trained, adds a bias at the end, then replaces rows', async () => {
    const query = await tensorOf(LLAMA_F32, QUERY);
    const [width, rows] = [query.dims[0]!, query.dims[1]!];
    const low = [lowRank(query, 2, 1.5, 5)];
    const magnitudes = noise(rows, 6).map((one) => Math.abs(one) + 0.1);
    const addend = noise(width * rows, 7);
    const replaced = new Map([[3, noise(width, 8)]]);

    await merge(LLAMA_F32, [
      changeOf(query, {
        low,
        magnitudes: () => Promise.resolve(magnitudes),
        addend: () => Promise.resolve(addend),
        rows: () => Promise.resolve(replaced),
      }),
    ]);

    const expected = await reference(await valuesOf(LLAMA_F32, QUERY), query, low);
    for (let row = 0; row < rows; row++) {
      const line = expected.subarray(row * width, (row + 1) * width);
      const length = Math.sqrt(line.reduce((sum, one) => sum + one * one, 0));
      line.forEach((one, column) => {
        line[column] = (magnitudes[row]! * one) / length + addend[row * width + column]!;
      });
    }
    expected.set(replaced.get(3)!, 3 * width);
    assertClose(await valuesOf(out, QUERY), expected, 'F32');
  });

  it('takes values instead of those of the base', async () => {
    const query = await tensorOf(LLAMA_F16, QUERY);
    const replacement = noise(query.dims[0]! * query.dims[1]!, 9);

    await merge(LLAMA_F16, [changeOf(query, { replacement: rowsIn(replacement, query) })]);

    assertClose(await valuesOf(out, QUERY), Float64Array.from(replacement), 'F16');
  });

  it('adds tensors that the base does not have behind its own: an output of its own, a bias', async () => {
    const base = fixture('qwen3', 'base.f32.gguf');
    const embedding = await tensorOf(base, 'token_embd.weight');
    const bias = noise(embedding.dims[0]!, 10);
    const added = { name: 'made.weight', dims: embedding.dims, source: embedding.name };

    const result = await merge(base, [
      { ...added, low: [lowRank(embedding, 2, 1, 11)] },
      { name: 'made.bias', dims: [bias.length], low: [], addend: () => Promise.resolve(bias) },
    ]);

    const names = [...(await readGgufHeader(out)).tensors.keys()];
    assert.deepEqual(names.slice(-2), ['made.weight', 'made.bias']);
    assert.deepEqual([result.tensors, result.changed], [names.length, 2]);
    const expected = await reference(await valuesOf(base, embedding.name), embedding, [lowRank(embedding, 2, 1, 11)]);
    assertClose(await valuesOf(out, 'made.weight'), expected, 'F32');
    assert.deepEqual(await valuesOf(out, 'made.bias'), bias);
    assert.deepEqual(await valuesOf(out, embedding.name), await valuesOf(base, embedding.name));
  });

  it('copies a tensor under another name, in its own type, when nothing is done to it', async () => {
    const base = fixture('llama-quant', 'base.q4_k_m.gguf');
    const embedding = await tensorOf(base, 'token_embd.weight');
    const made = { name: 'made.weight', dims: embedding.dims, source: embedding.name, low: [] };

    const result = await merge(base, [made], { type: 'f16' });

    const copy = await tensorOf(out, 'made.weight');
    assert.equal(copy.type.name, embedding.type.name);
    assert.ok(bytesOf(await readFile(out), copy).equals(bytesOf(await readFile(base), embedding)));
    assert.deepEqual(result.retyped, []);
    assert.deepEqual(await mergedSize(base, [made], 'f16'), { bytes: result.bytes, retyped: [] });
  });

  for (const [type, expected] of [
    ['f32', 'F32'],
    ['f16', 'F16'],
    ['q8_0', 'Q8_0'],
  ] as const)
    it(`writes matrices as ${type} when it is told to, and what is a vector as F32`, async () => {
      const [query, norm] = [await tensorOf(LLAMA_F16, QUERY), await tensorOf(LLAMA_F16, NORM)];

      await merge(LLAMA_F16, [changeOf(query, { low: [lowRank(query, 2, 1, 1)] }), addOne(norm)], { type });

      assert.equal((await tensorOf(out, QUERY)).type.name, expected);
      assert.equal((await tensorOf(out, NORM)).type.name, 'F32');
      assert.equal((await tensorOf(out, DOWN)).type.name, 'F16');
    });

  it('writes F16 where rows do not divide into blocks', async () => {
    const base = join(folder, 'odd.gguf');
    await writeFile(base, oddBase());
    const odd = await tensorOf(base, 'odd.weight');

    const result = await merge(base, [addOne(odd)], { type: 'q8_0' });

    assert.deepEqual(result.retyped, [{ name: 'odd.weight', from: 'F32', to: 'F16' }]);
    assert.deepEqual([...(await valuesOf(out, 'odd.weight'))], Array<number>(40).fill(1));
  });

  it('keeps the alignment of the base', async () => {
    const base = join(folder, 'odd.gguf');
    await writeFile(base, oddBase(128));
    const odd = await tensorOf(base, 'odd.weight');

    await merge(base, [addOne(odd)]);

    const header = await readGgufHeader(out);
    for (const { offset } of header.tensors.values()) assert.equal(offset % 128, 0);
    assert.equal(header.fileBytes % 128, 0);
  });

  it('says in general.file_type what most of the file is', async () => {
    const base = fixture('llama-quant', 'base.q4_k_m.gguf');
    const { tensors, values } = await readGgufHeader(base);
    const matrices = [...tensors.values()].filter(({ dims }) => dims.length > 1);

    await merge(base, matrices.map(addOne), { type: 'f16' });

    const header = await readGgufHeader(out);
    assert.equal(header.values.get('general.file_type'), 1);
    assert.notEqual(values.get('general.file_type'), 1);
    assert.deepEqual(
      [...header.values].filter(([key]) => key !== 'general.file_type'),
      [...values].filter(([key]) => key !== 'general.file_type'),
    );
  });

  it('tells the size before it writes', async () => {
    for (const type of ['keep', 'f32', 'f16', 'q8_0'] as const) {
      const base = fixture('llama-quant', 'base.q5_k_m.gguf');
      const query = await tensorOf(base, QUERY);
      const changes = [changeOf(query, { low: [lowRank(query, 2, 1, 1)] })];

      const said = await mergedSize(base, changes, type);
      const result = await merge(base, changes, { type });

      assert.deepEqual(said, { bytes: result.bytes, retyped: result.retyped });
      assert.equal((await readFile(out)).length, said.bytes);
      assert.deepEqual(await mergedSize(await readGgufHeader(base), changes, type), said);
    }
  });

  it('gives the same bytes for any number of threads', async () => {
    const base = fixture('llama-quant', 'base.q4_k_m.gguf');
    const matrices = [...(await readGgufHeader(base)).tensors.values()].filter(({ dims }) => dims.length > 1);
    const rows = 320;
    const changes = matrices.map((tensor, seed) =>
      changeOf(tensor, {
        low: [lowRank(tensor, 5, 0.5, seed), lowRank(tensor, 2, 1, seed + 50)],
        ...(seed % 2 === 0 && { magnitudes: () => Promise.resolve(noise(tensor.dims[1]!, 9).map(Math.abs)) }),
        ...(seed % 3 === 0 && { addend: () => Promise.resolve(noise(tensor.dims[0]! * tensor.dims[1]!, 8)) }),
        ...(tensor.dims[1] === rows && { rows: () => Promise.resolve(new Map([[7, noise(tensor.dims[0]!, 4)]])) }),
      }),
    );

    for (const type of ['keep', 'f16'] as const) {
      const files: Buffer[] = [];
      for (const threads of [0, 2]) {
        await merge(base, changes, { type, threads });
        files.push(await readFile(out));
      }

      assert.ok(files.every((file) => file.equals(files[0]!)));
    }
  });

  it('hears from its threads what is wrong', async () => {
    const query = await tensorOf(LLAMA_F32, QUERY);
    const bad = noise(query.dims[0]! * query.dims[1]!, 1);
    bad[7] = NaN;
    const cut = join(folder, 'cut.gguf');
    await copyFile(LLAMA_F32, cut);
    const shorten = async () => {
      await truncate(cut, query.offset);
      return bad;
    };

    const damaged = merge(LLAMA_F32, [changeOf(query, { addend: () => Promise.resolve(bad) })], { threads: 2 });
    await assert.rejects(damaged, { code: 'MERGE_UNSUPPORTED', message: /attn_q.*no numbers/ });
    const shortened = merge(cut, [changeOf(query, { addend: shorten })], { threads: 2 });
    await assert.rejects(shortened, { code: 'SOURCE_CHANGED' });
    assert.deepEqual(await readdir(folder), ['cut.gguf']);
  });

  it('refuses values that are no numbers, and leaves no file', async () => {
    const query = await tensorOf(LLAMA_F32, QUERY);
    const bad = noise(query.dims[0]! * query.dims[1]!, 1);

    for (const wrong of [NaN, Infinity, -Infinity]) {
      bad[bad.length - 1] = wrong;
      await assert.rejects(merge(LLAMA_F32, [changeOf(query, { addend: () => Promise.resolve(bad) })]), {
        code: 'MERGE_UNSUPPORTED',
        message: /attn_q.*no numbers/,
      });
    }
    assert.deepEqual(await readdir(folder), []);
  });

  it('refuses a direction for a row of zeros', async () => {
    const base = join(folder, 'odd.gguf');
    await writeFile(base, oddBase());
    const odd = await tensorOf(base, 'odd.weight');

    const magnitudes = () => Promise.resolve(Float32Array.from([1, 1]));

    await assert.rejects(merge(base, [changeOf(odd, { magnitudes })]), { code: 'MERGE_UNSUPPORTED' });
  });

  it('refuses what a type cannot hold, naming one that can', async () => {
    const query = await tensorOf(LLAMA_F16, QUERY);
    const large = noise(query.dims[0]! * query.dims[1]!, 1);
    const change = changeOf(query, { replacement: rowsIn(large, query) });

    large[5] = 65_520;
    await assert.rejects(merge(LLAMA_F16, [change]), { code: 'MERGE_UNSUPPORTED', message: /F16.*type f32/ });
    large[5] = -65_519;
    await merge(LLAMA_F16, [change]);
    assert.equal((await valuesOf(out, QUERY))[5], -65_504);
    large[5] = 65_520 * 127;
    await assert.rejects(merge(LLAMA_F16, [change], { type: 'q8_0' }), { code: 'MERGE_UNSUPPORTED' });
    await merge(LLAMA_F16, [change], { type: 'f32' });
  });

  it('refuses a base that does not fit, one in parts, and types that it cannot read', async () => {
    const query = await tensorOf(LLAMA_F32, QUERY);
    const parts = join(folder, 'parts.gguf');
    await writeFile(parts, rawGguf({ values: [value('split.count', 2, Buffer.from([3, 0]))], tensors: [] }));
    const exotic = join(folder, 'exotic.gguf');
    await writeFile(exotic, rawGguf({ values: [], tensors: [info('x', [256], 17, 0)], data: Buffer.alloc(96) }));

    await assert.rejects(merge(LLAMA_F32, [{ ...changeOf(query), dims: [64, 65] }]), { code: 'BASE_UNFIT' });
    await assert.rejects(merge(LLAMA_F32, [{ ...changeOf(query), source: 'nobody' }]), { code: 'BASE_UNFIT' });
    await assert.rejects(merge(parts, []), { code: 'MERGE_UNSUPPORTED', message: /3 files/ });
    await assert.rejects(merge(exotic, [addOne(await tensorOf(exotic, 'x'))]), {
      code: 'MERGE_UNSUPPORTED',
      message: /IQ2_XS/,
    });
    const cut = join(folder, 'cut.gguf');
    await writeFile(cut, (await readFile(LLAMA_F32)).subarray(0, -1));
    await assert.rejects(merge(cut, [changeOf(query)]), { code: 'ADAPTER_UNREADABLE' });
    assert.deepEqual((await readdir(folder)).sort(), ['cut.gguf', 'exotic.gguf', 'parts.gguf']);
  });

  it('never replaces the base itself', async () => {
    const base = join(folder, 'base.gguf');
    await copyFile(LLAMA_F32, base);
    const query = await tensorOf(base, QUERY);

    await assert.rejects(writeMerged(base, [addOne(query)], base, { type: 'keep' }), { code: 'MERGE_UNSUPPORTED' });

    assert.ok((await readFile(base)).equals(await readFile(LLAMA_F32)));
  });

  it('refuses a base that changes meanwhile', async () => {
    const base = join(folder, 'base.gguf');
    await copyFile(LLAMA_F32, base);
    const query = await tensorOf(base, QUERY);
    const { addend } = addOne(query);
    const change = changeOf(query, {
      addend: async () => {
        await utimes(base, new Date(), new Date(0));
        return addend!();
      },
    });

    await assert.rejects(merge(base, [change]), { code: 'SOURCE_CHANGED' });

    assert.deepEqual(await readdir(folder), ['base.gguf']);
  });

  it('leaves no file when the disk fills up at any of its calls', async () => {
    const query = await tensorOf(LLAMA_F32, QUERY);
    const run = () => merge(LLAMA_F32, [addOne(query)], { threads: 0 });
    const struck: string[] = [];
    const full = (call: string): never => {
      struck.push(call);
      throw Object.assign(new Error(call), { code: 'ENOSPC' });
    };
    const counting = await armFaults({ at: 0, strike: full });
    await run();
    counting.disarm();
    await rm(out);

    for (let at = 1; at <= counting.calls - 2; at++) {
      const armed = await armFaults({ at, strike: full }); // But for the two that make the new name last.
      const error = await run()
        .then(
          () => assert.fail(),
          (thrown: unknown) => thrown,
        )
        .finally(() => armed.disarm());
      if (struck.at(-1) !== 'open') assert.ok(hasCode(error, 'STORE_FULL'), `${struck.at(-1)}: ${String(error)}`);
      assert.deepEqual(await readdir(folder), [], struck.at(-1));
    }
    assert.deepEqual(new Set(struck), new Set(['open', 'truncate', 'write', 'writeSync', 'sync', 'rename']));
  });

  it('reads and writes no piece in the thread that asks', async () => {
    const query = await tensorOf(LLAMA_F32, QUERY);
    const reads = mock.method(fs, 'readSync');
    const writes = mock.method(fs, 'writeSync');

    try {
      await merge(LLAMA_F32, [addOne(query)], { threads: 1 });
      assert.deepEqual([reads.mock.callCount(), writes.mock.callCount()], [0, 0]);
      await merge(LLAMA_F32, [addOne(query)], { threads: 0 });
      assert.ok(reads.mock.callCount() > 0 && writes.mock.callCount() > 0);
    } finally {
      reads.mock.restore();
      writes.mock.restore();
    }
  });

  it('tells how far it is, up to the last byte', async () => {
    const base = join(folder, 'odd.gguf');
    await writeFile(base, oddBase(128));
    const told: (readonly [number, number])[] = [];

    const { bytes } = await merge(base, [addOne(await tensorOf(base, 'odd.weight'))], {
      onProgress: (done, total) => told.push([done, total]),
    });

    assert.ok(told.length > 1);
    assert.deepEqual(
      told.toSorted(([a], [b]) => a - b),
      told,
    );
    assert.deepEqual(told.at(-1), [bytes, bytes]);
    assert.ok(told.every(([, total]) => total === bytes));
  });

  it('stops when it is told to, and leaves no file', async () => {
    const query = await tensorOf(LLAMA_F32, QUERY);

    for (const threads of [0, 2]) {
      const stop = new AbortController();
      const merging = merge(LLAMA_F32, [addOne(query)], {
        threads,
        signal: stop.signal,
        onProgress: () => stop.abort(),
      });

      await assert.rejects(merging, isAbort);
      await assert.rejects(merge(LLAMA_F32, [addOne(query)], { threads, signal: stop.signal }), isAbort);
      assert.deepEqual(await readdir(folder), []);
    }
  });
});

async function tensorOf(path: string, name: string): Promise<GgufTensor> {
  return (await readGgufHeader(path)).tensors.get(name)!;
}

async function valuesOf(path: string, name: string): Promise<Float32Array> {
  const tensor = await tensorOf(path, name);
  return dequantize(tensor.type, new Uint8Array(bytesOf(await readFile(path), tensor)));
}

function bytesOf(file: Buffer, { offset, byteLength }: GgufTensor): Buffer {
  return file.subarray(offset, offset + byteLength);
}

function changeOf({ name, dims }: GgufTensor, more: Partial<TensorChange> = {}): TensorChange {
  return { name, dims, source: name, low: [], ...more };
}

function addOne(tensor: GgufTensor): TensorChange {
  const ones = new Float32Array(tensor.dims.reduce((product, dim) => product * dim, 1)).fill(1);
  return changeOf(tensor, { addend: () => Promise.resolve(ones) });
}

/** A replacement that gives the rows that it is asked for. */
function rowsIn(values: Float32Array, { dims }: GgufTensor): NonNullable<TensorChange['replacement']> {
  const width = dims[0]!;
  return (first = 0, rows = values.length / width) =>
    Promise.resolve(values.subarray(first * width, (first + rows) * width));
}

/** The same numbers for the same seed, about as large as weights. */
function noise(count: number, seed: number): Float32Array {
  let state = seed * 2654435761;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) / 4;
  });
}

function lowRank({ dims }: Pick<GgufTensor, 'dims'>, rank: number, factor: number, seed: number): LowRank {
  return {
    rank,
    factor,
    loadA: () => Promise.resolve(noise(rank * dims[0]!, seed)),
    loadB: () => Promise.resolve(noise(rank * dims[1]!, seed + 100)),
  };
}

/** In doubles, by the definition. */
async function reference(start: Float32Array, { dims }: GgufTensor, low: readonly LowRank[]): Promise<Float64Array> {
  const [width, rows] = [dims[0]!, dims[1]!];
  const values = Float64Array.from(start);
  for (const { rank, factor, loadA, loadB } of low) {
    const [a, b] = [await loadA(), await loadB()];
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < width; column++)
        for (let r = 0; r < rank; r++)
          values[row * width + column]! += factor * b[row * rank + r]! * a[r * width + column]!;
  }
  return values;
}

/** Within the error of the type: half of its step, and the last bits of 32-bit arithmetic. */
function assertClose(actual: Float32Array, expected: Float64Array, type: 'F32' | 'F16' | 'Q8_0'): void {
  assert.equal(actual.length, expected.length);
  const arithmetic = 2e-6;
  for (let at = 0; at < actual.length; at++) {
    const error = Math.abs(actual[at]! - expected[at]!);
    if (!(error <= stepAt(expected, at, type) + arithmetic))
      assert.fail(`value ${at} is ${actual[at]}, not ${expected[at]}`);
  }
}

function stepAt(values: Float64Array, at: number, type: 'F32' | 'F16' | 'Q8_0'): number {
  switch (type) {
    case 'F32':
      return 0;
    case 'F16':
      return Math.max(Math.abs(values[at]!) * 2 ** -11, 2 ** -25);
    case 'Q8_0':
      return largestOfBlock(values, at) * (0.5 / 127 + 2 ** -11);
  }
}

function largestOfBlock(values: Float64Array, at: number): number {
  const start = at - (at % 32);
  return values.subarray(start, start + 32).reduce((most, one) => Math.max(most, Math.abs(one)), 0);
}

/** Two rows of 20 zeros, and another tensor behind them. */
function oddBase(alignment = 32): Buffer {
  const end = Math.ceil(160 / alignment) * alignment;
  return rawGguf({
    values: [text('general.architecture', 'llama'), value('general.alignment', 4, u32(alignment))],
    tensors: [info('odd.weight', [20, 2], 0, 0), info('after.weight', [8], 0, end)],
    alignment,
    data: Buffer.alloc(end + 32),
  });
}
