import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Ground, Shared } from './ground';
import { MAX_UNSAFE_BYTES, checkHome, checkLibrary, intactBytes, type Kept } from './laws';
import type { Victim } from './process';
import type { PointResult } from './fault';
import type { VictimWord } from './victimOrders';

export interface Struck {
  readonly home: string;
  readonly kept: Kept;
  readonly adapter: Shared;
}

/**
 * Starts an engine on a home whose last one was killed, lets it finish, and checks every law. What a killed process had written
 * is in the system's memory still, so not a byte of it may be fetched again.
 */
export async function recover(ground: Ground, { home, kept, adapter }: Struck): Promise<PointResult> {
  checkLibrary(home);
  const isThere = fs.existsSync(path.join(home, 'library', adapter.id));
  const intact = intactBytes(home, adapter.manifest, adapter.chunkHashes);
  const victim = ground.start({ home, get: adapter.id });
  const { code } = await victim.exited;
  const got = victim.said('got');
  assert.ok(code === 0 && got && !victim.said('error'), `the next start: ${describe(victim)}`);

  const { size } = adapter.manifest;
  assert.equal(got.resumedBytes, isThere ? size : intact, 'L2 and L3: held at the start, and right on disk');
  const refetched = isThere ? 0 : intact - got.resumedBytes + got.refetchedBytes;
  assert.ok(refetched <= MAX_UNSAFE_BYTES, `L2: ${refetched} bytes twice`);
  await checkHome(home, kept, adapter.manifest);
  return { refetched };
}

/** What a victim ended with. */
export function describe(victim: Victim): string {
  return `${JSON.stringify(victim.words.slice(-4))} ${victim.errors.slice(-600)}`;
}

/** Longest time in which a running download got nothing, from its first byte to its end. */
export function longestGap(victim: Victim): number {
  let longest = 0;
  let since: number | undefined;
  let bytes = 0;
  for (const word of victim.words) {
    if (word.kind !== 'progress' || word.bytesDone === bytes) continue;
    if (since !== undefined) longest = Math.max(longest, word.at - since);
    since = word.at;
    bytes = word.bytesDone;
  }
  return longest;
}

/** Resolves when this many bytes are there. */
export async function hasBytes(victim: Victim, bytes: number): Promise<void> {
  await victim.until((word) => word.kind === 'got' || (word.kind === 'progress' && word.bytesDone >= bytes));
}

/** @throws when it does not end well within the time. */
export async function endsWell(
  victim: Victim,
  withinMs: number,
  what: string,
): Promise<VictimWord & { readonly kind: 'got' }> {
  const isLate = await isOver(victim, withinMs);
  const got = victim.said('got');
  assert.ok(!isLate && got, `${what}: not there after ${withinMs / 1_000} s: ${describe(victim)}`);
  assert.equal((await victim.exited).code, 0, describe(victim));
  return got;
}

async function isOver(victim: Victim, withinMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(true), withinMs)));
  try {
    return await Promise.race([late, victim.exited.then(() => false)]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Who asked is told after a minute that nobody is there, and who asks again then, that nobody offers it. The download stays
 * and goes on, and nothing else is an error.
 */
export function onlyLonely(victim: Victim): void {
  const errors = victim.words.flatMap((word) => (word.kind === 'error' ? [word.code] : []));
  for (const [i, code] of errors.entries())
    assert.ok(code === 'NO_SOURCES' || (code === 'ID_UNKNOWN' && i > 0), describe(victim));
}
