import fs from 'node:fs';
import path from 'node:path';
import type { Ground } from './ground';
import { writeLargeBase, type LargeBase } from './largeBase';
import type { BenchOptions } from './options';
import type { ConvertCalls, Work } from './peers/convertPeer';
import type { Section } from './section';
import { medianRun } from './stats';

const MB = 1e6;
const RANK = 16;

interface Kind {
  readonly name: string;
  /** Row of the copy that it is compared with. */
  readonly copy: string;
  readonly run: (peer: ReturnType<typeof start>, out: string) => Promise<Work & { readonly bytes: number }>;
}

/** A merge that touches every matrix of a base, against a plain copy of it and against hashing it, in the same run. */
export async function benchMerge(ground: Ground, { size, runs, say }: BenchOptions): Promise<Section> {
  const folder = ground.newFolder();
  const bases: { readonly type: string; readonly base: LargeBase }[] = [];
  for (const type of ['F16', 'Q8_0', 'Q4_K'] as const) {
    say(`merge: writing a base of ${type}`);
    bases.push({ type, base: await writeLargeBase(path.join(folder, `${type}.gguf`), type, size) });
  }
  const kinds: readonly Kind[] = bases.flatMap(({ type, base }) => [
    kind(`plain copy ${type}, synced`, type, base.bytes, (peer, out) => peer.ask('copy', { from: base.path, to: out })),
    kind(`SHA-256 ${type}`, type, base.bytes, (peer) => peer.ask('hash', { path: base.path })),
    {
      name: `merge ${type}${type === 'Q4_K' ? ', written as Q8_0' : ''}`,
      copy: type,
      run: (peer, out) => peer.ask('merge', { base: base.path, matrices: base.matrices, rank: RANK, out }),
    },
  ]);

  const works = kinds.map((): (Work & { readonly bytes: number })[] => []);
  for (let run = 1; run <= runs; run++) {
    for (const [index, one] of kinds.entries()) {
      say(`merge: run ${run} of ${runs}, ${one.name}`); // One after the other, so that a busy moment does not hit one kind only.
      works[index]!.push(await runOnce(ground, one));
    }
  }
  const medians = works.map((ofKind) => medianRun(ofKind, ({ ms }) => ms));
  const speed = (index: number): number => medians[index]!.bytes / MB / (medians[index]!.ms / 1000);
  return {
    name: 'merge',
    title: `Merge: rank ${RANK} into every matrix of ${(bases[0]!.base.bytes / MB).toFixed(0)} MB of F16, median run of ${runs}`,
    columns: [
      { key: 'mbPerS', header: 'MB/s', digits: 0 },
      { key: 'ratio', header: 'of copy', digits: 2 },
      { key: 'cpuSeconds', header: 'CPU s', digits: 1 },
      { key: 'peakRssMB', header: 'peak RSS MB', digits: 0 },
      { key: 'loopMaxMs', header: 'loop held ms', digits: 1 },
    ],
    rows: kinds.map(({ name, copy }, index) => {
      const { cpuSeconds, peakRssBytes, loopMaxMs } = medians[index]!;
      const copyIndex = kinds.findIndex((one) => one.copy === copy);
      return {
        name,
        values: {
          mbPerS: speed(index),
          ratio: speed(index) / speed(copyIndex),
          cpuSeconds,
          peakRssMB: peakRssBytes / MB,
          loopMaxMs,
        },
      };
    }),
    notes: [
      'MB is 10^6 bytes, of what is written (read, for SHA-256). Every value is checked; the result is synced.',
      'Loop held: the longest that the thread which asked could do nothing else, 2 ms of it the clock.',
    ],
  };
}

function kind(
  name: string,
  copy: string,
  bytes: number,
  run: (peer: ReturnType<typeof start>, out: string) => Promise<Work>,
): Kind {
  return { name, copy, run: async (peer, out) => ({ ...(await run(peer, out)), bytes }) };
}

async function runOnce(ground: Ground, { run }: Kind): Promise<Work & { readonly bytes: number }> {
  const out = path.join(ground.newFolder(), 'out.gguf');
  const peer = start(ground);
  try {
    return await run(peer, out);
  } finally {
    await peer.kill();
    fs.rmSync(path.dirname(out), { recursive: true });
  }
}

function start(ground: Ground) {
  return ground.start<ConvertCalls>('convertPeer');
}
