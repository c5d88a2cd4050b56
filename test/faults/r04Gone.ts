import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { seededRandom } from '../helpers/packages';
import { inLanes, type Bout, type Fault, type PointResult } from './fault';
import type { Ground } from './ground';
import { checkHome, checkLibrary, type Kept } from './laws';
import { describe, hasBytes } from './recovery';
import { noSmallDisks, withSmallDisk } from './smallDisk';
import { setTimeout as wait } from 'node:timers/promises';
import { FILE_ROLES } from '../../src/engine/release/manifest';
import { injectingForGood, noStrace } from './strace';

const FIRST_LANE = 90;
/** What a program may try in vain before it gives up. */
const MAX_TRIES = 40;

/** What is taken away, below the home, while a download runs. */
const TAKEN = ['partial/ID', 'partial', 'library', 'tmp'] as const;

/** The folder of downloads becomes read-only, or is not there any more. */
export const folderGone: Fault = {
  id: 'R04',
  title: 'read-only or vanished folder',
  strike: async (bout) => {
    const ground = await bout.ground;
    const random = seededRandom(4);
    const rounds = bout.pick(
      Array.from({ length: 20 }, (_, i) => ({ what: TAKEN[i % 4]!, share: 0.2 + 0.6 * random() })),
      4,
    );
    await inLanes(rounds, 2, ({ what, share }, lane) =>
      bout.point(`${what} removed at ${Math.round(share * 100)} %`, () =>
        removed(ground, FIRST_LANE + lane, what, share),
      ),
    );
    await readOnly(bout, ground);
  },
};

/** A user cleans up in the wrong place. It is said, or made anew; and asked again it is fetched. */
async function removed(ground: Ground, lane: number, what: string, share: number): Promise<PointResult> {
  const adapter = await ground.shared('small');
  const { home, kept } = await ground.newHome(lane);
  const victim = ground.start({ home, get: adapter.id, retries: 2, maxRate: 8e6, isTalkative: true });
  await hasBytes(victim, share * adapter.manifest.size);
  fs.rmSync(path.join(home, what.replace('ID', adapter.id)), { recursive: true, force: true });
  const { code } = await victim.exited;
  checkErrors(victim, 2);
  assert.ok(code === 0 && victim.said('got'), describe(victim));
  checkLibrary(home);
  // Folders that nobody needed meanwhile are made by the next start.
  const next = ground.start({ home, get: adapter.id });
  assert.equal((await next.exited).code, 0, `the next start: ${describe(next)}`);
  await checkHome(home, kept, adapter.manifest);
  ground.removeHome(home);
  return {};
}

function checkErrors(victim: Parameters<typeof describe>[0], most: number): void {
  const told = victim.words.flatMap((word) => (word.kind === 'error' ? [word] : []));
  assert.ok(told.length <= most + 1, describe(victim));
  for (const word of told) assert.ok(word.isOurs, `no error of ours: ${JSON.stringify(word)}`);
}

async function readOnly(bout: Bout, ground: Ground): Promise<void> {
  const noDisks = noSmallDisks();
  if (noDisks === undefined) await bout.point('read-only from the start', () => readOnlyDisk(ground));
  else bout.leaveOut(`read-only disks: ${noDisks}`);
  const missing = noStrace();
  if (missing !== undefined) bout.leaveOut(`a folder that becomes read-only: ${missing}`);
  else
    for (const call of bout.pick(['pwrite64', 'fsync', 'openat'], 1))
      await bout.point(`read-only from a ${call} on`, () => readOnlyFrom(ground, call));
}

async function readOnlyDisk(ground: Ground): Promise<PointResult> {
  const adapter = await ground.shared('small');
  return await withSmallDisk(ground.emptyHome(), 64, async (disk) => {
    const { home, kept } = await ground.newHome(FIRST_LANE, { home: path.join(disk, 'home') });
    spawnSync('mount', ['-o', 'remount,ro', disk]);
    const refused = ground.start({ home, get: adapter.id });
    assert.equal((await refused.exited).code, 3, describe(refused));
    assert.equal(refused.said('error')?.code, 'STORE_READ_ONLY', describe(refused));

    spawnSync('mount', ['-o', 'remount,rw', disk]);
    const next = ground.start({ home, get: adapter.id });
    assert.equal((await next.exited).code, 0, describe(next));
    await checkHome(home, kept, adapter.manifest);
    return {};
  });
}

/** From some moment on nothing can be written. It is said once, nothing is tried again and again, and what is shared stays so. */
async function readOnlyFrom(ground: Ground, call: string): Promise<PointResult> {
  const adapter = await ground.shared('small');
  const { home, kept } = await ground.newHome(FIRST_LANE + 2);
  const log = `${home}.trace`;
  const folder = path.join(home, 'partial', adapter.id);
  const files = ['chunks.bin', ...adapter.manifest.files.map(({ role }) => FILE_ROLES[role].name)];
  const wrap = injectingForGood([folder, ...files.map((name) => path.join(folder, name))], {
    ...{ call, when: 3, error: 'EROFS', log },
  });
  const victim = ground.start({ home, get: adapter.id, stays: true }, { wrap });
  await victim.until((word) => word.kind === 'error');
  await wait(3_000);
  await servesItsOwn(ground, kept);
  victim.command({ kind: 'end' });
  const { code } = await victim.exited;

  assert.equal(code, 0, describe(victim));
  assert.deepEqual(
    victim.words.flatMap((word) => (word.kind === 'error' ? [word.code] : [])),
    ['STORE_READ_ONLY'],
  );
  const tries = fs.readFileSync(log, 'utf8').split('(INJECTED)').length - 1;
  assert.ok(tries >= 1 && tries <= MAX_TRIES, `${tries} tries`);
  checkLibrary(home);
  const next = ground.start({ home, get: adapter.id });
  assert.equal((await next.exited).code, 0, describe(next));
  await checkHome(home, kept, adapter.manifest);
  ground.removeHome(home);
  fs.rmSync(log);
  return {};
}

/** Somebody else fetches what the victim shares. */
async function servesItsOwn(ground: Ground, { shared }: Kept): Promise<void> {
  const { engine } = ground.seeder;
  const [own] = shared;
  const { id, sources } = await engine.wish('get', { target: own!.id });
  assert.equal(sources, 1);
  await engine.wish('forget', { id });
}
