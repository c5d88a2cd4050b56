import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { CHUNK_BYTES } from '../../src/engine/limits';
import { Registry } from '../../src/engine/registry/registry';
import { hashChunk } from '../../src/engine/release/manifest';
import { PartialPackage } from '../../src/engine/store/partialPackage';
import { Store } from '../../src/engine/store/store';
import {
  makePackage,
  makeRelease,
  seededBytes,
  seededRandom,
  withTempFolder,
  type TestPackage,
} from '../helpers/packages';
import { TestSources } from '../helpers/testSources';
import { connect } from '../helpers/transferLinks';
import { TestSource, leecherOf } from '../helpers/transferSwarm';
import type { Fault, PointResult } from './fault';

const MIB = 1024 ** 2;
/** Slow enough that there is something left to send when the file changes. */
const RATE = 24 * MIB;

const SHARED_AT = 1_750_000_000;
const HANGS_MS = 20_000;

interface Change {
  readonly name: string;
  /** Whether the file still is what was shared. */
  readonly isSame: boolean;
  readonly make: (file: string, random: () => number) => void;
}

/** What users and their programs do to a file while it is served. */
const CHANGES: readonly Change[] = [
  { name: 'bytes changed', isSame: false, make: (file, random) => changeBytes(file, random) },
  {
    name: 'bytes changed, with the time of before',
    isSame: false,
    make: (file, random) => {
      const { atime, mtime } = fs.statSync(file);
      changeBytes(file, random);
      fs.utimesSync(file, atime, mtime);
    },
  },
  {
    name: 'cut',
    isSame: false,
    make: (file, random) => fs.truncateSync(file, Math.floor(random() * fs.statSync(file).size)),
  },
  { name: 'appended to', isSame: false, make: (file) => fs.appendFileSync(file, 'x') },
  {
    name: 'written anew with other bytes',
    isSame: false,
    make: (file) => fs.writeFileSync(file, seededBytes(fs.statSync(file).size, 'new')),
  },
  {
    name: 'replaced by another file',
    isSame: false,
    make: (file) => {
      fs.writeFileSync(`${file}.new`, seededBytes(fs.statSync(file).size, 'other'));
      fs.renameSync(`${file}.new`, file);
    },
  },
  { name: 'deleted', isSame: false, make: (file) => fs.rmSync(file) },
  {
    name: 'replaced by a folder',
    isSame: false,
    make: (file) => {
      fs.rmSync(file);
      fs.mkdirSync(file);
    },
  },
  { name: 'touched', isSame: true, make: (file) => fs.utimesSync(file, new Date(), new Date()) },
  { name: 'touched with a time of long ago', isSame: true, make: (file) => fs.utimesSync(file, 1, 1) },
  {
    name: 'replaced by a copy of itself',
    isSame: true,
    make: (file) => {
      fs.copyFileSync(file, `${file}.new`);
      fs.renameSync(`${file}.new`, file);
    },
  },
];

/** Files are shared where the user has them, so they change while they are read. */
export const sources: Fault = {
  id: 'R07',
  title: 'source changed while it is shared',
  strike: (bout) =>
    withTempFolder(async (folder) => {
      const content = await makePackage({ weights: 4 * MIB + 77, card: 0, seed: 7 });
      const random = seededRandom(7);
      const rounds = bout.rounds(200, CHANGES.length);
      for (let round = 0; round < rounds; round++) {
        const change = CHANGES[round % CHANGES.length]!;
        const share = random();
        await bout.point(`${change.name} at ${Math.round(share * 100)} %`, () =>
          serveWhile(path.join(folder, String(round)), content, change, share, random),
        );
      }
    }),
};

async function serveWhile(
  folder: string,
  content: TestPackage,
  change: Change,
  share: number,
  random: () => number,
): Promise<PointResult> {
  fs.mkdirSync(folder);
  const file = path.join(folder, 'weights.safetensors');
  fs.writeFileSync(file, content.contents[0]!);
  fs.utimesSync(file, SHARED_AT, SHARED_AT); // A time that can be given to it again: not all of them can.
  const [theirStore, ourStore] = [await Store.open(path.join(folder, 'a')), await Store.open(path.join(folder, 'b'))];
  const registry = new Registry(theirStore);
  await registry.add({
    ...content,
    release: makeRelease(content.manifest.id),
    weightsPath: file,
    smallFiles: [{ role: 16, bytes: content.contents[1]! }],
    rooms: ['general'],
  });
  const source = new TestSource(theirStore, { limit: RATE }, ...(await connect()));
  const stop = new AbortController();
  const hangs = setTimeout(() => stop.abort(), HANGS_MS); // Nobody serves it any more.
  try {
    let bad = 0;
    let strike = (): void => undefined;
    const struck = new Promise<void>((resolve) => (strike = resolve));
    source.ours.link.onDidReceive((message) => {
      if (message.type !== 'data') return;
      bad += badChunks(content, message.first, message.bytes);
      if (source.bytesGiven >= share * content.manifest.size) strike();
    });
    const partial = PartialPackage.open(ourStore, content.manifest);
    const ended = leecherOf(content, new TestSources(source.ours.link), () => partial, { signal: stop.signal })
      .run()
      .then(
        () => 'whole',
        () => 'stopped',
      );
    await Promise.race([struck, ended]);
    change.make(file, random);
    if (change.isSame) assert.equal(await ended, 'whole', 'it is not served any more');
    else {
      await registry.checkSources();
      await new Promise((resolve) => setTimeout(resolve, 60)); // For what the seeder may still send.
      stop.abort();
      await ended;
    }

    assert.equal(bad, 0, 'bad chunks sent');
    assert.deepEqual(source.ours.strikes, []);
    const phase = registry.get(content.manifest.id)?.phase;
    // What keeps size and time is found when it is read, and not before.
    if (change.isSame) assert.equal(phase, 'serving');
    else if (!change.name.endsWith('of before')) assert.notEqual(phase, 'serving');
    if (change.isSame) assert.deepEqual(fs.readFileSync(file), content.contents[0], 'L4');
    return {};
  } finally {
    clearTimeout(hangs);
    source.end();
    await Promise.all([theirStore.close(), ourStore.close()]);
    fs.rmSync(folder, { recursive: true });
  }
}

function changeBytes(file: string, random: () => number): void {
  const fd = fs.openSync(file, 'r+');
  const { size } = fs.fstatSync(fd);
  const at = Math.floor(random() * size);
  const length = Math.min(size - at, 1 + Math.floor(random() * 300_000));
  fs.writeSync(fd, seededBytes(length, random()), 0, length, at);
  fs.closeSync(fd);
}

function badChunks({ chunkHashes }: TestPackage, first: number, bytes: Uint8Array): number {
  let bad = 0;
  for (let at = 0, chunk = first; at < bytes.byteLength; at += CHUNK_BYTES, chunk++)
    if (!hashChunk(bytes.subarray(at, at + CHUNK_BYTES)).equals(chunkHashes.subarray(chunk * 32, chunk * 32 + 32)))
      bad++;
  return bad;
}
