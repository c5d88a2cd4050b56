import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LoraSwarmError } from '../../../src/engine/errors';
import { ggufText, readGgufHeader } from '../../../src/engine/adapter/gguf';
import { baseModelFromGguf } from '../../../src/engine/adapter/ggufBaseModel';
import { writeGguf, type FillTensor } from '../../../src/engine/adapter/writeGguf';
import { fixture } from '../../helpers/gold';
import { mutated, seeded } from '../../helpers/hostile';
import { costSince, started } from '../../helpers/processorTime';
import { info, rawGguf, text, u32, u64, value, type GgufParts } from '../../helpers/rawGguf';

let folder: string;
before(async () => (folder = await mkdtemp(join(tmpdir(), 'lora-swarm-gguf-'))));
after(() => rm(folder, { recursive: true }));

describe('readGgufHeader', () => {
  it('reads values and tensors of a base with its vocabulary', async () => {
    const header = await readGgufHeader(fixture('llama/base.f32.gguf'));

    assert.equal(ggufText(header, 'general.architecture'), 'llama');
    assert.equal(header.values.get('llama.block_count'), 2);
    const tokens = header.values.get('tokenizer.ggml.tokens');
    assert.ok(typeof tokens === 'object' && tokens.length === 320);
    assert.deepEqual(header.tensors.get('blk.1.attn_k.weight')?.dims, [64, 32]);
    assert.equal(header.trailingBytes, 0);
  });

  it('reads what writeGguf wrote', async () => {
    const path = join(folder, 'own.gguf');
    const data = [Buffer.alloc(24, 1), Buffer.alloc(10, 2)];
    const handle = await open(path, 'w');
    const size = await writeGguf(
      handle,
      new Map([
        ['a.text', { type: 'string', value: 'é' }],
        ['a.float', { type: 'float32', value: 1.5 }],
        ['a.count', { type: 'uint32', value: 7 }],
      ] as const),
      [
        { name: 'x', dims: [3, 2], type: 'F32', data: data[0]! },
        { name: 'y', dims: [5], type: 'BF16', data: data[1]! },
      ] as const,
      async ({ data: bytes }, write) => {
        await write(6, bytes.subarray(6));
        await write(0, bytes.subarray(0, 6));
      },
    );
    await handle.close();

    const header = await readGgufHeader(path);

    const bytes = await readFile(path);
    assert.equal(bytes.length, size);
    assert.deepEqual(
      [...header.values],
      [
        ['a.text', 'é'],
        ['a.float', 1.5],
        ['a.count', 7],
      ],
    );
    for (const [index, { offset, byteLength }] of [...header.tensors.values()].entries()) {
      assert.deepEqual(bytes.subarray(offset, offset + byteLength), data[index]);
      assert.equal(offset % 32, 0);
    }
  });

  it('does not write a tensor that is not whole', async () => {
    const tensors = [{ name: 'x', dims: [3, 2], type: 'F32' }] as const;
    for (const bytes of [23, 25]) {
      const handle = await open(join(folder, 'part.gguf'), 'w');
      const writing = writeGguf(handle, new Map(), tensors, (_, write) => write(0, Buffer.alloc(bytes)));
      await assert.rejects(writing, RangeError);
      await handle.close();
    }
  });

  it('begins nothing new, and waits for what it began, when one tensor fails', async () => {
    const tensors = ['bad', 'slow', 'never'].map((name) => ({ name, dims: [1], type: 'F32' }) as const);
    const begun: string[] = [];
    let isSlowDone = false;
    const fill: FillTensor<(typeof tensors)[number]> = async ({ name }, write) => {
      begun.push(name);
      if (name === 'bad') throw new Error('bad');
      await write(0, Buffer.alloc(4));
      isSlowDone = true;
    };
    const handle = await open(join(folder, 'failing.gguf'), 'w');

    await assert.rejects(writeGguf(handle, new Map(), tensors, fill, fill), /^Error: bad$/);
    await handle.close();

    assert.deepEqual(begun, ['bad', 'slow']);
    assert.ok(isSlowDone);
  });

  const good = (): GgufParts => ({ values: [text('general.type', 'adapter')], tensors: [info('x', [4], 0, 0)] });

  it('takes version 2 and 3, and an alignment of its own', async () => {
    for (const version of [2, 3]) await read({ ...good(), version });
    const header = await read({
      values: [value('general.alignment', 4, u32(64))],
      tensors: [info('x', [4], 0, 0)],
      alignment: 64,
    });

    assert.equal([...header.tensors.values()][0]!.offset % 64, 0);
  });

  it('counts bytes behind the last tensor', async () => {
    const { trailingBytes } = await read({ ...good(), data: Buffer.alloc(116) });

    assert.ok(trailingBytes > 0);
  });

  const refused: Record<string, () => GgufParts> = {
    'another magic': () => ({ ...good(), magic: 'GGUX' }),
    'version 1': () => ({ ...good(), version: 1 }),
    'big endian': () => ({ ...good(), version: 0x03000000 }),
    'more tensors than there can be': () => ({ ...good(), tensorCount: 65_537n }),
    'a tensor count that overflows': () => ({ ...good(), tensorCount: 2n ** 64n - 1n }),
    'more values than there can be': () => ({ ...good(), valueCount: 4097n }),
    'a value count that overflows': () => ({ ...good(), valueCount: 2n ** 63n }),
    'more values than there are': () => ({ ...good(), valueCount: 50n }),
    'an endless key': () => ({ ...good(), values: [Buffer.concat([u64(2n ** 62n), Buffer.alloc(64)])] }),
    'a key over its limit': () => ({ ...good(), values: [value('k'.repeat(1025), 4, u32(1))] }),
    'an empty key': () => ({ ...good(), values: [value('', 4, u32(1))] }),
    'equal keys': () => ({ ...good(), values: [value('a', 4, u32(1)), value('a', 4, u32(2))] }),
    'a value of an unknown type': () => ({ ...good(), values: [value('a', 13, u32(1))] }),
    'a text over its limit': () => ({
      ...good(),
      values: [value('a', 8, u64(1n << 20n), Buffer.alloc((1 << 20) + 1))],
    }),
    'a text that is no UTF-8': () => ({ ...good(), values: [value('a', 8, u64(2n), Buffer.from([0xc3, 0x28]))] }),
    'a flag that is neither': () => ({ ...good(), values: [value('a', 7, Buffer.from([2]))] }),
    'an array over its limit': () => ({
      ...good(),
      values: [value('a', 9, u32(0), u64(2n ** 20n + 1n), Buffer.alloc(2 ** 20 + 1))],
    }),
    'an array longer than the file': () => ({ ...good(), values: [value('a', 9, u32(10), u64(2n ** 20n))] }),
    'an array of arrays': () => ({ ...good(), values: [value('a', 9, u32(9), u64(1n), u32(0), u64(0n))] }),
    'an alignment of zero': () => ({ ...good(), values: [value('general.alignment', 4, u32(0))] }),
    'an alignment of 48': () => ({ ...good(), values: [value('general.alignment', 4, u32(48))] }),
    'an alignment of 131072': () => ({ ...good(), values: [value('general.alignment', 4, u32(131_072))] }),
    'an alignment in another type, which llama.cpp aborts on': () => ({
      ...good(),
      values: [value('general.alignment', 10, u64(32n))],
    }),
    'an alignment that is a text': () => ({ ...good(), values: [text('general.alignment', '32')] }),
    'a tensor without dimensions': () => ({ ...good(), tensors: [info('x', [], 0, 0)] }),
    'five dimensions': () => ({ ...good(), tensors: [info('x', [1, 1, 1, 1, 4], 0, 0)] }),
    'a dimension of zero': () => ({ ...good(), tensors: [info('x', [4, 0], 0, 0)] }),
    'dimensions that overflow': () => ({ ...good(), tensors: [info('x', [2 ** 52, 2 ** 52], 0, 0)] }),
    'an unknown tensor type': () => ({ ...good(), tensors: [info('x', [4], 4, 0)] }),
    'half a block': () => ({ ...good(), tensors: [info('x', [33], 8, 0)] }),
    'a long tensor name': () => ({ ...good(), tensors: [info('x'.repeat(64), [4], 0, 0)] }),
    'equal tensor names': () => ({ ...good(), tensors: [info('x', [4], 0, 0), info('x', [4], 0, 32)] }),
    'an offset that is not aligned': () => ({ ...good(), tensors: [info('x', [4], 0, 0), info('y', [4], 0, 16)] }),
    'a hole': () => ({ ...good(), tensors: [info('x', [4], 0, 32)] }),
    'an overlap': () => ({ ...good(), tensors: [info('x', [16], 0, 0), info('y', [4], 0, 32)] }),
    'a tensor behind the file': () => ({ ...good(), tensors: [info('x', [1_000_000], 0, 0)], data: Buffer.alloc(64) }),
  };
  for (const [what, parts] of Object.entries(refused)) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(read(parts()), { code: 'ADAPTER_UNREADABLE' });
    });
  }

  it('passes a million texts in no time', async () => {
    const items = Buffer.concat(Array.from({ length: 1 << 15 }, () => Buffer.concat([u64(3n), Buffer.from('abc')])));
    const vocabulary = value('tokens', 9, u32(8), u64(1n << 20n), ...Array.from({ length: 32 }, () => items));
    const since = started();

    const header = await read({ values: [vocabulary], tensors: [info('x', [4], 0, 0)] });

    const tokens = header.values.get('tokens');
    assert.ok(typeof tokens === 'object' && tokens.length === 1 << 20 && tokens.items === undefined);
    assert.ok(costSince(since) < 1000);
  });

  it('answers damaged files with a reason, and nothing else', async () => {
    const bytes = await readFile(fixture('bad/ok.gguf'));
    const path = join(folder, 'damaged.gguf');
    const random = seeded(5);
    let taken = 0;
    for (let round = 0; round < 1000; round++) {
      await writeFile(path, mutated(bytes, 480, random));
      try {
        await readGgufHeader(path);
        taken++;
      } catch (error) {
        assert.ok(
          error instanceof LoraSwarmError && error.code === 'ADAPTER_UNREADABLE',
          `round ${round}: ${String(error)}`,
        );
      }
    }
    assert.ok(taken > 10 && taken < 800, `${taken} taken`);
  });
});

describe('baseModelFromGguf', () => {
  it('reads heads, widths and tensors', async () => {
    const base = await baseModelFromGguf(fixture('qwen3/base.f32.gguf'));

    const { architecture, blockCount, embeddingLength, headCount, headCountKv, headDim, vocabSize, lineage } = base;
    assert.deepEqual(
      { architecture, blockCount, embeddingLength, headCount, headCountKv, headDim, vocabSize },
      {
        architecture: 'qwen3',
        blockCount: 2,
        embeddingLength: 64,
        headCount: 4,
        headCountKv: 2,
        headDim: 32,
        vocabSize: 320,
      },
    );
    assert.deepEqual(lineage, ['fx-tiny-qwen3']);
    assert.deepEqual(base.tensors.get('blk.0.attn_q.weight'), [64, 128]);
  });

  it('refuses an adapter', async () => {
    await assert.rejects(baseModelFromGguf(fixture('bad/ok.gguf')), { code: 'BASE_UNKNOWN' });
  });
});

async function read(parts: GgufParts) {
  const path = join(folder, 'made.gguf');
  await writeFile(path, rawGguf(parts));
  return readGgufHeader(path);
}
