import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePeftAdapter } from '../../helpers/writeAdapter';

describe('writePeftAdapter', () => {
  let root: string;
  before(async () => (root = await mkdtemp(join(tmpdir(), 'lora-swarm-write-'))));
  after(() => rm(root, { recursive: true }));

  it('writes the same bytes for the same options and others for another seed', async () => {
    const first = await writePeftAdapter(join(root, 'a'), { seed: 7 });
    const again = await writePeftAdapter(join(root, 'b'), { seed: 7 });
    const other = await writePeftAdapter(join(root, 'c'), { seed: 8 });

    const bytes = await readFile(first.weightsPath);
    assert.equal(bytes.length, first.bytes);
    assert.deepEqual(await readFile(again.weightsPath), bytes);
    assert.notDeepEqual(await readFile(other.weightsPath), bytes);
  });

  it('streams past its own buffer', async () => {
    const { weightsPath, bytes } = await writePeftAdapter(join(root, 'big'), { hidden: 4096, rank: 16, blocks: 3 });

    const file = await readFile(weightsPath);
    assert.equal(file.length, bytes);
    assert.ok(bytes > 2 ** 20);
    assert.notEqual(file.readUInt32LE(bytes - 4), 0);
  });
});
