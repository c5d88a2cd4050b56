import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { seededRandom } from '../helpers/packages';
import { inLanes, type Bout, type Fault } from './fault';
import type { Ground } from './ground';
import { checkLibrary, checkNames, readKept } from './laws';
import { describe, recover } from './recovery';
import { injectingKill, noStrace, pointsOf, tracing, type CallPoint } from './strace';

const LANES = 2;

/** The process is killed: at every system call that changes the disk, at every such call of its first start, and at random. */
export const killed: Fault = {
  id: 'R01',
  title: 'killed at every write',
  strike: async (bout) => {
    const ground = await bout.ground;
    const missing = noStrace();
    if (missing === undefined) await atSystemCalls(bout, ground);
    else bout.leaveOut(`kills at system calls: ${missing}`);
    await atFirstStart(bout, ground);
    await atRandom(bout, ground);
  },
};

/** Every call of one download that goes well, as strace sees it. */
export async function callPoints(ground: Ground): Promise<CallPoint[]> {
  const { home } = await ground.newHome();
  const adapter = await ground.shared('small');
  const trace = `${home}.trace`;
  const victim = ground.start({ home, get: adapter.id }, { wrap: tracing(trace) });
  const { code } = await victim.exited;
  assert.equal(code, 0, describe(victim));
  const points = pointsOf(trace, home);
  assert.ok(points.length > 80, `${points.length} calls`);
  ground.removeHome(home);
  return points;
}

async function atSystemCalls(bout: Bout, ground: Ground): Promise<void> {
  const adapter = await ground.shared('small');
  const all = await callPoints(ground);
  let struck = 0;
  await inLanes(bout.pick(all, 12), LANES, (point, lane) =>
    bout.point(`killed in ${point.call} ${point.when} of ${point.path}`, async () => {
      const { home, kept } = await ground.newHome(lane);
      const dying = ground.start({ home, get: adapter.id }, { wrap: injectingKill(home, point) });
      const { signal } = await dying.exited;
      // Frames are cut anew in each run, so the last writes of one may not be there in another.
      assert.ok(signal === 'SIGKILL' || dying.said('closed'), describe(dying));
      if (signal === 'SIGKILL') struck++;
      const result = signal === 'SIGKILL' ? await recover(ground, { home, kept, adapter }) : undefined;
      ground.removeHome(home);
      return result;
    }),
  );
  bout.note(`${struck} of ${bout.isSample ? 'a sample of ' : ''}${all.length} system calls of a 5.5 MB download`);
}

/** A home that is not there yet: the identity, the database and the room are made on the way. Dies half way in a write, too. */
async function atFirstStart(bout: Bout, ground: Ground): Promise<void> {
  const adapter = await ground.shared('small');
  const order = { get: adapter.id, room: ground.room };
  const whole = ground.start({ ...order, home: ground.emptyHome(), dieAt: 0 });
  await whole.exited;
  const calls = whole.said('closed')?.calls ?? 0;
  assert.ok(calls > 60, `${calls} calls: ${describe(whole)}`);

  const all = Array.from({ length: calls }, (_, i) => i + 1);
  await inLanes(bout.pick(all, 5), LANES, (dieAt) =>
    bout.point(`first start, killed in call ${dieAt}`, async () => {
      const home = ground.emptyHome();
      const dying = ground.start({ ...order, home, dieAt });
      const { signal } = await dying.exited;
      assert.ok(signal === 'SIGKILL' || dying.said('closed'), describe(dying));
      checkLibrary(home);
      const key = path.join(home, 'identity.key');
      const identity = fs.existsSync(key) ? fs.readFileSync(key, 'utf8') : undefined;

      const next = ground.start({ ...order, home });
      const { code } = await next.exited;
      assert.ok(code === 0 && next.said('got'), describe(next));
      checkLibrary(home);
      const kept = await readKept(home);
      if (identity !== undefined) assert.equal(kept.identity, identity, 'L6: another identity');
      assert.equal(kept.rooms.length, 1, 'L6: rooms');
      checkNames(home);
      for (const area of ['partial', 'tmp']) assert.deepEqual(fs.readdirSync(path.join(home, area)), [], `L5: ${area}`);
      ground.removeHome(home);
      return undefined;
    }),
  );
  bout.note(`${calls} calls of a first start`);
}

/** Again and again, each time after some more bytes, until it is there. */
async function atRandom(bout: Bout, ground: Ground): Promise<void> {
  const adapter = await ground.shared(bout.isSample ? 'middle' : 'large');
  const { size } = adapter.manifest;
  const random = seededRandom(20);
  let left = bout.rounds(200, 2);
  while (left > 0) {
    const { home, kept } = await ground.newHome();
    const kills = Math.min(left, 10);
    left -= kills;
    await bout.point(`${kills} random kills in ${size} bytes`, async () => {
      let refetched = 0;
      for (let kill = 0; kill < kills && !fs.existsSync(path.join(home, 'library', adapter.id)); kill++) {
        const dying = ground.start({ home, get: adapter.id, maxRate: 150e6, isTalkative: true });
        const share = (kill + random()) / kills;
        await dying.until(
          (word) => word.kind === 'closed' || (word.kind === 'progress' && word.bytesDone >= share * size),
        );
        dying.kill();
        await dying.exited;
        checkLibrary(home);
      }
      const result = await recover(ground, { home, kept, adapter });
      refetched += result.refetched ?? 0;
      ground.removeHome(home);
      return { refetched };
    });
  }
}
