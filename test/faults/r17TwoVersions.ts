import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { EngineState } from '../../src/engine/state';
import type { Fault } from './fault';
import type { Ground } from './ground';
import { checkLibrary, digestOf } from './laws';
import { Windows, type Change } from './windows';

const LANE = 81;

/** What the next version may have: one more step of the database, … */
const NEWER_STORE: Change = {
  file: 'src/engine/store/database.ts',
  from: 'CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;`,\n];',
  to: 'CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;`,\n  `CREATE TABLE later (x ANY) STRICT;`,\n];',
};
/** … and another language between windows and engine. */
const NEWER_WORDS: Change = {
  file: 'src/service/protocol.ts',
  from: 'export const PROTOCOL_VERSION = 1;',
  to: 'export const PROTOCOL_VERSION = 2;',
};

/** Two builds of the product and one storage folder: the newer one leads, or one of them refuses and says why. */
export const twoVersions: Fault = {
  id: 'R17',
  title: 'an older and a newer version, one folder',
  strike: async (bout) => {
    const ground = await bout.ground;
    const older = await Windows.open(ground);
    const newer = await Windows.open(ground, [NEWER_STORE], older);
    const newest = await Windows.open(ground, [NEWER_STORE, NEWER_WORDS], older);
    const all = [newest, newer, older];
    const pair: Pair = { ground, older, newer };
    const stranger: Pair = { ground, older, newer: newest };
    try {
      for (let round = 0; round < bout.rounds(4, 1); round++) {
        const point = (what: string, work: (pair: Pair) => Promise<void>, of: Pair): Promise<void> =>
          bout.point(`${what}, round ${round}`, async () => {
            await work(of).finally(() => clear(all));
            return undefined;
          });
        await point('the older one comes after the newer one', downgrade, pair);
        await point('the newer one takes over, and dies', takeover, pair);
        await point('the newer one comes while the older one leads', refusedByOlder, stranger);
        await point('the older one comes while the newer one leads', refusedByNewer, stranger);
        await point('both at once', bothAtOnce, pair);
      }
    } finally {
      for (const windows of all) await windows.dispose();
    }
  },
};

async function clear(all: readonly Windows[]): Promise<void> {
  for (const windows of all) await windows.clear();
}

interface Pair {
  readonly ground: Ground;
  readonly older: Windows;
  readonly newer: Windows;
}

/** A folder that both versions open. */
async function oneHome({ ground, older }: Pair): Promise<string> {
  older.adopt('ours', (await ground.newHome(LANE)).home);
  return older.home('ours');
}

async function downgrade(pair: Pair): Promise<void> {
  const home = await oneHome(pair);
  const adapter = await pair.ground.shared('tiny');
  const first = await pair.newer.start('ours');
  await first.wish('get', { target: adapter.id });
  await first.close();
  const before = digests(home);

  assert.equal(await refusal(pair.older), 'STORE_VERSION');

  assert.deepEqual(digests(home), before, 'the older one changed something');
  await isWhole(pair, adapter.id);
}

async function takeover(pair: Pair): Promise<void> {
  await oneHome(pair);
  const adapter = await pair.ground.shared('tiny');
  const first = await pair.older.start('ours');
  await first.wish('get', { target: adapter.id });
  const second = await pair.newer.start('ours');
  assert.deepEqual([first.isLeader, second.isLeader], [true, false]);
  await first.kill();
  await second.told(({ type }) => type === 'leads', second.all.length);
  assert.deepEqual(namesOf(await second.wish('state', {})), [adapter.id]);

  // It speaks with the newer one as with its own, and can't follow it as the one that leads.
  const third = await pair.older.start('ours');
  assert.deepEqual(namesOf(await third.wish('state', {})), [adapter.id]);
  await second.kill();
  await assert.rejects(third.wish('settings', {}), /STORE_VERSION/);

  await third.kill();
  await isWhole(pair, adapter.id);
}

async function refusedByOlder(pair: Pair): Promise<void> {
  const home = await oneHome(pair);
  const first = await pair.older.start('ours');

  assert.equal(await refusal(pair.newer), 'ENGINE_VERSION');

  await first.wish('setSetting', { key: 'transfer.uploadLimit', value: 7_654_321 });
  await first.close();
  const second = await pair.newer.start('ours');
  assert.equal((await second.wish('settings', {}))['transfer.uploadLimit'], 7_654_321);
  await second.close();
  checkLibrary(home);
}

async function refusedByNewer(pair: Pair): Promise<void> {
  await oneHome(pair);
  const adapter = await pair.ground.shared('tiny');
  const first = await pair.newer.start('ours');

  assert.equal(await refusal(pair.older), 'ENGINE_VERSION');

  await first.wish('get', { target: adapter.id });
  await first.close();
  assert.equal(await refusal(pair.older), 'STORE_VERSION');
  await isWhole(pair, adapter.id);
}

/** Whoever is first leads; whatever happens, the folder is fine for the newer one in the end. */
async function bothAtOnce(pair: Pair): Promise<void> {
  await oneHome(pair);
  const shells = [pair.older.launch('ours'), pair.newer.launch('ours')];
  const ends = await Promise.all(
    shells.map((shell) => shell.told(({ type }) => type === 'ready' || type === 'refused')),
  );
  for (const end of ends) if (end.type === 'refused') assert.equal(end.code, 'STORE_VERSION');
  assert.equal(shells.filter(({ isLeader }) => isLeader).length, 1);
  await Promise.all(shells.map((shell) => shell.kill()));
  await isWhole(pair);
}

/** @returns the code with which it ends. */
async function refusal(windows: Windows): Promise<string> {
  const shell = windows.launch('ours');
  const told = await shell.told(({ type }) => type === 'refused' || type === 'ready');
  await shell.kill();
  return told.type === 'refused' ? told.code : told.type;
}

/** The newer one finds everything as it was left. */
async function isWhole({ ground, newer }: Pair, ...library: readonly string[]): Promise<void> {
  const { kept, home } = await ground.newHome(LANE);
  ground.removeHome(home);
  const shell = await newer.start('ours');
  const state = await shell.wish('state', {});
  assert.deepEqual(namesOf(state), library);
  assert.deepEqual(
    state.shared.map(({ id }) => id),
    kept.shared.map(({ id }) => id),
  );
  await shell.close();
  checkLibrary(newer.home('ours'));
}

const namesOf = ({ library }: EngineState): string[] => library.map(({ id }) => id);

/** What lasts of a home: the socket, its token and the lock belong to who leads. */
function digests(home: string): Record<string, string> {
  const files = fs.readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const names = files.map((entry) => path.join(entry.parentPath, entry.name));
  return Object.fromEntries(
    names
      .filter((name) => !/^(?:leader\.lock|engine\.token)$/.test(path.basename(name)))
      .map((name) => [name, digestOf(name)]),
  );
}
