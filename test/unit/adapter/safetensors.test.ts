import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  HeaderError,
  parseSafetensorsHeader,
  readSafetensorsHeader,
  readTensor,
} from '../../../src/engine/adapter/safetensors';
import { fixture } from '../../helpers/gold';
import { mutated, seeded } from '../../helpers/hostile';
import { writePeftAdapter } from '../../helpers/writeAdapter';

describe('readSafetensorsHeader', () => {
  let folder: string;
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'lora-swarm-safetensors-'))));
  after(() => rm(folder, { recursive: true }));

  it('reads names, types, shapes and places', async () => {
    const { tensors, metadata } = await readSafetensorsHeader(
      fixture('llama/adapters/qv-r4/adapter_model.safetensors'),
    );

    assert.equal(tensors.size, 8);
    assert.equal(metadata.get('format'), 'pt');
    const entry = tensors.get('base_model.model.model.layers.0.self_attn.v_proj.lora_B.weight');
    assert.deepEqual([entry?.dtype, entry?.shape, entry?.byteLength], ['F32', [32, 4], 512]);
  });

  it('loads F32, F16 and BF16 tensors', async () => {
    for (const name of ['all-r8', 'f16', 'bf16']) {
      const path = fixture('llama/adapters', name, 'adapter_model.safetensors');
      const { tensors } = await readSafetensorsHeader(path);
      const entry = [...tensors.values()][0]!;
      await using handle = await open(path);

      const values = await readTensor(handle, entry);

      assert.equal(values.length, entry.shape[0]! * entry.shape[1]!);
      assert.ok(
        values.every((value) => Number.isFinite(value) && Math.abs(value) < 10) && values.some((value) => value !== 0),
      );
    }
  });

  it('refuses a file that was cut off at any place', async () => {
    const written = await writePeftAdapter(join(folder, 'cut'), { blocks: 1, targets: ['q_proj'] });
    for (let size = written.bytes - 1; size >= 0; size = size > 400 ? Math.floor(size / 2) : size - 7) {
      await truncate(written.weightsPath, size);

      await assert.rejects(readSafetensorsHeader(written.weightsPath), { code: 'ADAPTER_UNREADABLE' }, `${size} bytes`);
    }
  });

  it('refuses a header that claims to be huge without reading it', async () => {
    const path = join(folder, 'huge.safetensors');
    for (const length of [2n ** 24n + 1n, 2n ** 40n, 2n ** 63n, 2n ** 64n - 1n]) {
      const bytes = Buffer.alloc(64, '{');
      bytes.writeBigUInt64LE(length);
      await writeFile(path, bytes);

      await assert.rejects(readSafetensorsHeader(path), { code: 'ADAPTER_UNREADABLE' });
    }
  });

  it('names a missing file', async () => {
    await assert.rejects(readSafetensorsHeader(join(folder, 'none')), { code: 'ADAPTER_NOT_FOUND' });
    await assert.rejects(readSafetensorsHeader(folder), { code: 'ADAPTER_UNREADABLE' });
  });
});

describe('parseSafetensorsHeader', () => {
  const tensor = (shape: string, offsets: string, dtype = '"F32"'): string =>
    `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`;
  const parse = (json: string, dataBytes: number) =>
    parseSafetensorsHeader(Buffer.from(json), 8 + Buffer.byteLength(json) + dataBytes);

  it('takes empty tensors, spaces at the end and metadata', () => {
    const header = parse(
      `{"__metadata__":{"a":"b"},"x":${tensor('[0,4]', '[0,0]')},"y":${tensor('[2]', '[0,8]')}}   `,
      8,
    );

    assert.deepEqual([...header.tensors.keys()], ['x', 'y']);
  });

  const good = tensor('[2]', '[0,8]');
  const refused: Record<string, readonly [string, number]> = {
    'a header that starts with a space': [` {"x":${good}}`, 8],
    'a list': ['[]', 0],
    'a rest behind the header': [`{"x":${good}} {}`, 8],
    'equal names': [`{"x":${good},"x":${good}}`, 8],
    'an unknown field': [`{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1}}`, 8],
    'a missing field': [`{"x":{"dtype":"F32","shape":[2]}}`, 8],
    'an unknown type': [`{"x":${tensor('[2]', '[0,8]', '"F33"')}}`, 8],
    'a type named like a method': [`{"x":${tensor('[2]', '[0,8]', '"constructor"')}}`, 8],
    'a type that is no text': [`{"x":${tensor('[2]', '[0,8]', '0')}}`, 8],
    'one offset': [`{"x":${tensor('[2]', '[8]')}}`, 8],
    'three offsets': [`{"x":${tensor('[2]', '[0,8,8]')}}`, 8],
    'a negative offset': [`{"x":${tensor('[2]', '[-8,0]')}}`, 8],
    'a broken offset': [`{"x":${tensor('[2]', '[0,8.0]')}}`, 8],
    'offsets the wrong way round': [`{"x":${tensor('[2]', '[8,0]')}}`, 8],
    'an offset behind the file': [`{"x":${tensor('[4]', '[0,16]')}}`, 8],
    'a size that is not the product': [`{"x":${tensor('[3]', '[0,8]')}}`, 8],
    'a product that overflows': [`{"x":${tensor('[4294967296,4294967296,4294967296]', '[0,8]')}}`, 8],
    'an overflow hidden by a zero': [`{"x":${tensor('[4294967296,4294967296,0]', '[0,0]')}}`, 0],
    'too many dimensions': [`{"x":${tensor('[1,1,1,1,1,1,1,1,2]', '[0,8]')}}`, 8],
    'a hole at the start': [`{"x":${tensor('[2]', '[8,16]')}}`, 16],
    'a hole between': [`{"x":${good},"y":${tensor('[2]', '[12,20]')}}`, 20],
    'an overlap': [`{"x":${good},"y":${tensor('[2]', '[4,12]')}}`, 12],
    'a rest at the end': [`{"x":${good}}`, 9],
    'data without tensors': ['{}', 8],
    'a long name': [`{"${'x'.repeat(513)}":${good}}`, 8],
    'no name': [`{"":${good}}`, 8],
    'metadata that is no text': [`{"__metadata__":{"a":1}}`, 0],
    'a tensor that is a number': ['{"x":1}', 0],
  };
  for (const [what, [json, dataBytes]] of Object.entries(refused)) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parse(json, dataBytes), HeaderError);
    });
  }

  it('refuses a header that is no UTF-8', () => {
    const json = Buffer.concat([Buffer.from('{"x'), Buffer.from([0xc3, 0x28]), Buffer.from(`":${good}}`)]);

    assert.throws(() => parseSafetensorsHeader(json, 8 + json.length + 8), HeaderError);
  });

  it('answers thousands of damaged headers with a reason, and nothing else', async () => {
    const bytes = await readFile(fixture('llama/adapters/qv-r4/adapter_model.safetensors'));
    const json = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE()));
    const random = seeded(11);
    let taken = 0;
    for (let round = 0; round < 3000; round++) {
      const damaged = mutated(json, json.length, random);
      try {
        const { tensors } = parseSafetensorsHeader(damaged, bytes.length);
        taken++;
        // What is believed covers the data to the last byte, so nothing hides in it.
        const total = [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 8 + damaged.length);
        assert.equal(total, bytes.length);
      } catch (error) {
        assert.ok(error instanceof HeaderError, `round ${round}: ${String(error)}`);
      }
    }
    assert.ok(taken > 10 && taken < 2000, `${taken} taken`);
  });
});
