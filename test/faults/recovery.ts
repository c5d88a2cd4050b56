import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Ground, Shared } from './ground';
import { MAX_UNSAFE_BYTES, checkHome, checkLibrary, intactBytes, type Kept } from './laws';
import type { Victim } from './process';
import type { PointResult } from './fault';

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
