import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { seededRandom } from '../helpers/packages';
import type { EngineShell } from '../service/engineShells';
import type { Bout, Fault } from './fault';
import type { Ground } from './ground';
import { checkLibrary } from './laws';
import { Windows } from './windows';

const BACK_MS = 45_000;
/** With its start and its kills. */
const ROUND_MS = 180_000;
const FIRST_SEED = 2_300;
const LOOK_MS = 250;

/** Hyperswarm's own shape of it, with processes instead of connections: everybody is killed now and then, and starts again. */
export const chaos: Fault = {
  id: 'R23',
  title: 'a swarm whose peers are killed again and again',
  strike: async (bout) => {
    const ground = await bout.ground;
    const windows = await Windows.open(ground);
    const size = bout.isSample ? { peers: 3, adapters: 3, kills: 3, forMs: 1_200 } : FULL;
    const random = seededRandom(23);
    const backs: number[] = [];
    try {
      for (let round = 0; round < bout.rounds(20, 1); round++)
        await bout.point(`round ${round}`, async () => {
          const late = new Promise<never>((_, reject) => {
            const tooLong = new Error(`round ${round} hangs`);
            AbortSignal.timeout(ROUND_MS).addEventListener('abort', () => reject(tooLong));
          });
          const raging = rage({ ground, windows, random, ...size });
          backs.push(await Promise.race([raging, late]).finally(() => windows.clear()));
          return undefined;
        });
      noteBacks(bout, backs);
    } finally {
      await windows.dispose();
    }
  },
};

const FULL = { peers: 10, adapters: 15, kills: 30, forMs: 10_000 };

interface Rage {
  readonly ground: Ground;
  readonly windows: Windows;
  readonly random: () => number;
  readonly peers: number;
  readonly adapters: number;
  readonly kills: number;
  readonly forMs: number;
}

/** @returns how long after the last kill everybody saw everybody and had everything. */
async function rage({ ground, windows, random, peers, adapters, kills, forMs }: Rage): Promise<number> {
  const names = Array.from({ length: peers }, (_, i) => `peer-${i}`);
  const shells = await Promise.all(names.map((name) => windows.start(name)));
  const { room, code } = await shells[0]!.wish('createRoom', { label: 'chaos' });
  for (const shell of shells.slice(1)) await shell.wish('joinRoom', { room: code, label: 'chaos' });
  const ids: string[] = [];
  for (let i = 0; i < adapters; i++) {
    const folder = await ground.writeAdapter('tiny', FIRST_SEED + i);
    ids.push((await shells[i % peers]!.wish('share', { path: folder, rooms: [room] })).id);
  }
  const wanted = (peer: number): string[] => ids.filter((_, i) => i % peers !== peer);
  for (const [peer, shell] of shells.entries()) for (const target of wanted(peer)) shell.ask('get', { target });

  for (let kill = 0; kill < kills; kill++) {
    await wait(forMs / kills);
    const peer = Math.floor(random() * peers);
    await shells[peer]!.kill();
    shells[peer] = await windows.start(names[peer]!);
  }

  const lastKillAt = performance.now();
  await Promise.all(
    shells.map(async (shell, peer) => {
      for (const target of wanted(peer)) void keepsAsking(shell, target, lastKillAt + BACK_MS);
      await allIsWell(shell, { peers: peers - 1, ids: wanted(peer), until: lastKillAt + BACK_MS });
    }),
  );
  const backMs = performance.now() - lastKillAt;
  for (const [peer, shell] of shells.entries()) {
    await shell.close();
    const home = windows.home(names[peer]!);
    checkLibrary(home);
    assert.deepEqual(fs.readdirSync(path.join(home, 'library')).sort(), wanted(peer).sort());
    for (const area of ['partial', 'tmp'])
      assert.deepEqual(fs.readdirSync(path.join(home, area)), [], `L5: left in ${area}`);
  }
  return backMs;
}

/** As a person does who is told that nobody has it now. */
async function keepsAsking(shell: EngineShell, target: string, until: number): Promise<void> {
  while (performance.now() < until && shell.isAlive)
    try {
      await shell.wish('get', { target });
      return;
    } catch {
      await wait(LOOK_MS);
    }
}

async function allIsWell(
  shell: EngineShell,
  { peers, ids, until }: { readonly peers: number; readonly ids: readonly string[]; readonly until: number },
): Promise<void> {
  for (;;) {
    const [{ peers: seen }, { library }] = [await shell.wish('peers', {}), await shell.wish('state', {})];
    const missing = ids.filter((id) => !library.some((entry) => entry.id === id));
    if (seen.length >= peers && missing.length === 0) return;
    assert.ok(
      performance.now() < until,
      `${seen.length} of ${peers} peers are back, ${missing.length} adapters are missing`,
    );
    await wait(LOOK_MS);
  }
}

function noteBacks(bout: Bout, backs: readonly number[]): void {
  if (backs.length > 0)
    bout.note(`all complete and all back ${(Math.max(...backs) / 1_000).toFixed(1)} s after the last kill at most`);
}
