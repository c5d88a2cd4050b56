import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanGguf, localKeys } from '../../../src/engine/adapter/cleanGguf';
import { readGgufHeader } from '../../../src/engine/adapter/gguf';
import { fixture } from '../../helpers/gold';
import { info, rawGguf, text, u32, u64, value } from '../../helpers/rawGguf';

const ADAPTER = fixture('ollama', 'adapter.gguf');

describe('cleanGguf', () => {
  let folder: string;
  let path: string;
  let out: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lora-swarm-clean-'));
    path = join(folder, 'in.gguf');
    out = join(folder, 'out.gguf');
  });
  after(() => rm(folder, { recursive: true }));

  const DATA = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]);
  const write = (values: readonly Buffer[], alignment = 32): Promise<void> =>
    writeFile(path, rawGguf({ values, tensors: [info('x', [2], 0, 0)], alignment, data: DATA }));

  it('takes out the keys that name places on a machine, and nothing else', async () => {
    const strings = (...items: string[]): Buffer[] => [
      u32(8),
      u64(BigInt(items.length)),
      ...items.flatMap((item) => [u64(BigInt(item.length)), Buffer.from(item)]),
    ];
    await write([
      text('general.type', 'adapter'),
      text('general.name', '/home/ana/runs/sql'),
      text('general.base_model.0.name', './models/base'),
      text('general.base_model.0.repo_url', 'https://huggingface.co/org/base'),
      text('general.description', 'either ./a or .\\b'),
      text('general.source.url', 'file:///Users/ana/x'),
      text('training.path', 'C:\\Users\\ana\\x'),
      value('adapter.lora.alpha', 6, Buffer.from([0, 0, 0x80, 0x41])),
      value('general.datasets', 9, ...strings('org/data', '/data/private.jsonl')),
      value('general.tags', 9, ...strings('lora', 'sql')),
      value('some.numbers', 9, u32(5), u64(2n), u32(1), u32(2)),
      value('some.flag', 7, Buffer.from([1])),
    ]);

    const found = localKeys(await readGgufHeader(path));
    const removed = await cleanGguf(path, out);

    const [before, after] = [await readGgufHeader(path), await readGgufHeader(out)];
    const local = [
      'general.name',
      'general.base_model.0.name',
      'general.source.url',
      'training.path',
      'general.datasets',
    ];
    assert.deepEqual(removed, local);
    assert.deepEqual(found, local);
    assert.deepEqual(
      [...after.values],
      [...before.values].filter(([key]) => !local.includes(key)),
    );
    const { offset, byteLength } = after.tensors.get('x')!;
    assert.deepEqual((await readFile(out)).subarray(offset, offset + byteLength), DATA);
    assert.doesNotMatch((await readFile(out)).toString('latin1'), /ana|private/);
  });

  it('gives the same bytes for the same file, whatever its alignment', async () => {
    for (const alignment of [8, 32, 256]) {
      await write(
        [value('general.alignment', 4, u32(alignment)), text('general.name', '~/x'), text('a', 'b')],
        alignment,
      );

      await cleanGguf(path, out);
      const first = await readFile(out);
      await cleanGguf(path, out);

      assert.deepEqual(await readFile(out), first);
      assert.equal((await readGgufHeader(out)).tensors.get('x')!.offset % alignment, 0);
      assert.deepEqual(first.subarray(-DATA.length), DATA);
    }
  });

  it('leaves a real adapter without such keys as it is', async () => {
    const removed = await cleanGguf(ADAPTER, out);

    assert.deepEqual(removed, []);
    assert.deepEqual(await readFile(out), await readFile(ADAPTER));
  });

  it('leaves nothing behind when it is cancelled', async () => {
    const target = join(folder, 'cancelled.gguf');

    await assert.rejects(cleanGguf(ADAPTER, target, AbortSignal.abort()), { name: 'AbortError' });

    await assert.rejects(readFile(target), { code: 'ENOENT' });
  });
});
