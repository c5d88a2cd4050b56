import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { FollowingHashes } from '../../../src/engine/store/followingHash';

const MIB = 1024 ** 2;
const SIZE = 40 * MIB + 123;

describe('following hashes', () => {
  let folder: string;
  let file: string;
  let hashes: FollowingHashes;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-swarm-following-'));
    file = path.join(folder, 'weights');
    hashes = new FollowingHashes();
  });
  afterEach(async () => {
    await hashes.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('have the hash of a file as soon as it is written', async () => {
    const bytes = randomBytes(SIZE);
    const fd = fs.openSync(file, 'w');
    const follow = hashes.follow(file, SIZE)!;

    for (let at = 0; at < SIZE; at += MIB) {
      const size = fs.writeSync(fd, bytes, at, Math.min(MIB, SIZE - at), at);
      follow.wroteUpTo(at + size);
    }
    const digest = await follow.digest(SIZE);
    fs.closeSync(fd);

    assert.deepEqual(Buffer.from(digest!), createHash('sha256').update(bytes).digest());
  });

  it('follow several files at once', async () => {
    const files = [1, 2, 3].map((i) => ({ path: path.join(folder, `weights${i}`), bytes: randomBytes(SIZE) }));
    for (const each of files) fs.writeFileSync(each.path, each.bytes);

    const digests = await Promise.all(files.map((each) => hashes.follow(each.path, SIZE)!.digest(SIZE)));

    assert.deepEqual(
      digests.map((digest) => Buffer.from(digest!).toString('hex')),
      files.map((each) => createHash('sha256').update(each.bytes).digest('hex')),
    );
  });

  it('leave small files to who wrote them', () => {
    assert.equal(hashes.follow(file, MIB), undefined);
  });

  it('give nothing for a file that is gone or too short', async () => {
    fs.writeFileSync(file, randomBytes(MIB));

    const short = await hashes.follow(file, SIZE)!.digest(SIZE);
    const gone = await hashes.follow(path.join(folder, 'gone'), SIZE)!.digest(SIZE);

    assert.deepEqual([short, gone], [undefined, undefined]);
  });

  it('let go of a file in the middle of it', async () => {
    fs.writeFileSync(file, randomBytes(SIZE));
    const follow = hashes.follow(file, SIZE)!;
    follow.wroteUpTo(SIZE);

    await follow.close();

    assert.deepEqual(openFiles(file), []);
  });
});

/** What this process has open of a path, where the system tells. */
function openFiles(file: string): string[] {
  if (process.platform !== 'linux') return [];
  return fs.readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      return false;
    }
  });
}
