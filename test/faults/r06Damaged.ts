import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { CHUNK_BYTES, JOURNAL_BYTES } from '../../src/engine/limits';
import { ChunkMap } from '../../src/engine/release/chunkMap';
import { PartialPackage } from '../../src/engine/store/partialPackage';
import { Store } from '../../src/engine/store/store';
import { makePackage, seededBytes, seededRandom, withTempFolder, type TestPackage } from '../helpers/packages';
import { addAllHashes, bytesOf, download, fill } from '../helpers/stores';
import { TestSources } from '../helpers/testSources';
import { connect } from '../helpers/transferLinks';
import { TestSource, leecherOf } from '../helpers/transferSwarm';
import { damageFile, pickOne } from './damage';
import type { Bout, Fault, PointResult } from './fault';
import { MAX_UNSAFE_BYTES, checkLibrary, intactBytes } from './laws';
import { UnsyncedWrites } from './unsyncedWrites';

const MIB = 1024 ** 2;
/** What a source is asked before it has said anything. */
const IN_FLIGHT_BYTES = MIB;
const HANGS_MS = 60_000;
/** A damaged file may be any of them; the one of the weights is the largest. */
const FILES = [
  'adapter_model.safetensors',
  'adapter_model.safetensors',
  'adapter_config.json',
  'chunks.bin',
  'manifest.bin',
];

/** What is on disk is not what was written there. */
export const damaged: Fault = {
  id: 'R06',
  title: 'damaged files and journal, power cuts',
  strike: async (bout) => {
    await withTempFolder(async (folder) => {
      await whileNobodyLooked(bout, path.join(folder, 'damaged'));
      await powerCuts(bout, path.join(folder, 'cut'));
    });
  },
};

/** Files and journal are damaged at random; a real download over a real connection mends them. */
async function whileNobodyLooked(bout: Bout, folder: string): Promise<void> {
  const wanted = await makePackage({ weights: 1_000_000, card: 0, seed: 1 });
  const other = await makePackage({ weights: 300_000, card: 0, seed: 2 });
  const seedStore = await Store.open(path.join(folder, 'seed'));
  const [ours, theirs] = await connect();
  await (await download(seedStore, wanted)).finish();
  const source = new TestSource(seedStore, {}, ours, theirs);
  await makeTemplate(path.join(folder, 'template'), [wanted, other]);
  const random = seededRandom(2_024);
  try {
    for (let round = 0; round < bout.rounds(1_000, 40); round++) {
      const home = path.join(folder, `round-${round}`);
      fs.cpSync(path.join(folder, 'template'), home, { recursive: true });
      const what: string[] = [];
      if (random() < 0.4) what.push(await damageJournal(home, wanted, random));
      for (const name of new Set([pickOne(random, FILES), pickOne(random, FILES)]))
        what.push(damageFile(path.join(home, 'partial', wanted.manifest.id, name), random));
      await bout.point(what.join(', '), () => mend(home, wanted, source));
      fs.rmSync(home, { recursive: true });
    }
  } finally {
    source.end();
    await seedStore.close();
  }
}

/** Two downloads, each with four chunks of five. */
async function makeTemplate(home: string, packages: readonly TestPackage[]): Promise<void> {
  const store = await Store.open(home);
  for (const each of packages) {
    const partial = await PartialPackage.open(store, each.manifest);
    addAllHashes(partial, each);
    for (let i = 0; i < partial.map.chunks; i++) if (i % 5 !== 4) partial.write(i, bytesOf(each, i, 1));
  }
  await store.close();
}

async function damageJournal(home: string, { manifest }: TestPackage, random: () => number): Promise<string> {
  const store = await Store.open(home);
  const { id } = manifest;
  const bytes = Math.ceil(new ChunkMap(manifest).chunks / 8);
  const set = (column: string, value: Uint8Array): void =>
    void store.db.run(`UPDATE downloads SET ${column} = ? WHERE id = ?`, value, id);
  const damages = {
    'all bits': () => set('held', Buffer.alloc(bytes, 0xff)),
    'no bits': () => set('held', Buffer.alloc(bytes)),
    noise: () => set('held', seededBytes(bytes, random())),
    torn: () => set('held', Buffer.alloc(1)),
    'of another': () =>
      void store.db.run(
        `UPDATE downloads SET (held, held_check) = (SELECT held, held_check FROM downloads WHERE id <> ?) WHERE id = ?`,
        id,
        id,
      ),
    'no row': () => store.journal.remove(id),
    'torn manifest': () => set('manifest', manifest.bytes.subarray(0, 40)),
  };
  const kind = pickOne(random, Object.keys(damages) as (keyof typeof damages)[]);
  damages[kind]();
  await store.close();
  return `journal: ${kind}`;
}

/** Only what is damaged or was missing is fetched. */
async function mend(home: string, wanted: TestPackage, source: TestSource): Promise<PointResult> {
  const { manifest, chunkHashes } = wanted;
  const intact = intactBytes(home, manifest, chunkHashes);
  const hasHashes = isWhole(path.join(home, 'partial', manifest.id, 'chunks.bin'), chunkHashes);
  const before = source.bytesGiven;
  let refetched = 0;
  const store = await Store.open(home);
  try {
    // Without row and manifest nobody knows what the folder is, so it is not kept.
    const known = store.journal.get(manifest.id)?.manifest;
    const expected = known ? intact : 0;
    const opening = PartialPackage.open(store, manifest);
    const result = await leecherOf(wanted, new TestSources(source.ours.link), () => opening, {
      ...(known ? { manifest: known } : {}), // As at the start of an engine.
      signal: AbortSignal.timeout(HANGS_MS),
    }).run();
    const item = await result.partial.finish();

    assert.deepEqual(fs.readFileSync(item.weightsPath), wanted.contents[0], 'L1');
    const given = source.bytesGiven - before;
    // What is on disk is known by its hashes; until they come again, a peer is asked for some of it.
    const inFlight = hasHashes ? 0 : IN_FLIGHT_BYTES;
    const again = given - (manifest.size - expected);
    assert.ok(0 <= again && again <= inFlight, `L2 and L3: ${again} bytes more than were missing`);
    refetched = again;
    assert.deepEqual(source.ours.strikes, []);
  } finally {
    await store.close();
  }
  checkLibrary(home);
  for (const area of ['partial', 'tmp'])
    assert.ok(!fs.readdirSync(path.join(home, area)).includes(manifest.id), `L5: left in ${area}`);
  return { refetched };
}

function isWhole(file: string, bytes: Uint8Array): boolean {
  return fs.existsSync(file) && fs.readFileSync(file).subarray(0, bytes.byteLength).equals(bytes);
}

const FEW_CHUNKS = Math.floor(JOURNAL_BYTES / CHUNK_BYTES / 2);

/** The power goes while a download is written, and in each state of its end. */
async function powerCuts(bout: Bout, folder: string): Promise<void> {
  const content = await makePackage({ weights: 37 * MIB + 4_321, card: 0, seed: 3 });
  const random = seededRandom(27);
  for (let round = 0; round < bout.rounds(40, 4); round++) {
    const home = path.join(folder, `on-${round}`);
    const after = path.join(folder, `after-${round}`);
    const isAtEnd = round % 4 === 3;
    const share = random();
    await bout.point(`power cut ${isAtEnd ? 'at the end' : `at ${Math.round(share * 100)} %`}`, async () => {
      const written = await cut(content, { home, after, share: isAtEnd ? 1 : share, isAtEnd, random });
      return await checkAfterCut(content, after, written);
    });
    for (const each of [home, after]) fs.rmSync(each, { recursive: true, force: true });
  }
}

interface Cut {
  readonly home: string;
  /** What the disk holds when the power is back. */
  readonly after: string;
  readonly share: number;
  /** When the download was just moved into the library. */
  readonly isAtEnd: boolean;
  readonly random: () => number;
}

/** @returns bytes that had been written. */
async function cut(content: TestPackage, { home, after, share, isAtEnd, random }: Cut): Promise<number> {
  const store = await Store.open(home);
  const unsynced = await UnsyncedWrites.begin();
  try {
    const partial = await PartialPackage.open(store, content.manifest);
    addAllHashes(partial, content);
    const chunks = Math.ceil(share * partial.map.chunks);
    const last = isAtEnd ? chunks - FEW_CHUNKS : chunks;
    for (let first = 0; first < last; first += 160) {
      fill(partial, content, { first, count: Math.min(160, last - first) });
      await new Promise((resolve) => setImmediate(resolve)); // As between frames of a network.
    }
    if (isAtEnd) {
      // No entry of the journal is on its way when the last chunks come, and they are too few for one, so that only the end syncs them.
      await partial.flush();
      fill(partial, content, { first: last, count: FEW_CHUNKS });
    }
    const written = partial.bytesDone;
    if (isAtEnd) await partial.finish();
    unsynced.cutPower(home, after, () => random() < 0.3);
    return written;
  } finally {
    unsynced.end();
    await store.close();
  }
}

async function checkAfterCut(content: TestPackage, home: string, written: number): Promise<PointResult> {
  checkLibrary(home);
  const store = await Store.open(home);
  try {
    if (store.library.get(content.manifest.id)) return {};
    const partial = await PartialPackage.open(store, content.manifest);
    assert.equal(partial.damagedBytes, 0, 'the journal knew more than the disk');
    const refetched = written - partial.resumedBytes;
    assert.ok(refetched <= MAX_UNSAFE_BYTES, `L2: ${refetched} bytes again`);
    addAllHashes(partial, content);
    for (let next = partial.nextMissing(); next !== undefined; next = partial.nextMissing(next))
      partial.write(next, bytesOf(content, next, 1));
    await partial.finish();
    return { refetched };
  } finally {
    await store.close();
    checkLibrary(home);
  }
}
