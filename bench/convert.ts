import fs from 'node:fs';
import path from 'node:path';
import { blocksOf, writeLargeAdapter } from './adapters';
import type { Ground } from './ground';
import type { BenchOptions } from './options';
import type { ConvertCalls, Work } from './peers/convertPeer';
import type { Section } from './section';
import { medianRun } from './stats';

const MB = 1e6;

/** What is done with a file, and how many bytes that leaves. */
interface Kind {
  readonly name: string;
  readonly bytes: number;
  readonly run: (peer: ReturnType<typeof start>, out: string) => Promise<Work>;
}

/** A LoRA GGUF from a PEFT adapter, against a plain copy of as many bytes and against hashing them, in the same run. */
export async function benchConvert(ground: Ground, { size, runs, say }: BenchOptions): Promise<Section> {
  say(`convert: writing adapters of ${(size / MB).toFixed(0)} MB`);
  const wide = await writeLargeAdapter(ground.newFolder(), size);
  const narrow = await writeLargeAdapter(ground.newFolder(), size, 'BF16');
  const blocks = blocksOf(size);
  for (const { weightsPath } of [wide, narrow]) await synced(weightsPath);
  const kinds: readonly Kind[] = [
    {
      name: 'plain copy, synced',
      bytes: wide.bytes,
      run: (peer, out) => peer.ask('copy', { from: wide.weightsPath, to: out }),
    },
    { name: 'SHA-256', bytes: wide.bytes, run: (peer) => peer.ask('hash', { path: wide.weightsPath }) },
    {
      name: 'convert F32 to F32',
      bytes: wide.bytes,
      run: (peer, out) => peer.ask('convert', { folder: wide.folder, out, blocks }),
    },
    {
      name: 'convert BF16 to F32',
      bytes: wide.bytes,
      run: (peer, out) => peer.ask('convert', { folder: narrow.folder, out, blocks }),
    },
  ];

  const works = kinds.map((): Work[] => []);
  for (let run = 1; run <= runs; run++) {
    say(`convert: run ${run} of ${runs}`); // One after the other, so that a busy moment does not hit one kind only.
    // Forth and back: what the one before left in memory, the next one has for nothing or has to clear away.
    const order = run % 2 === 1 ? [...kinds.keys()] : [...kinds.keys()].reverse();
    for (const index of order) works[index]!.push(await runOnce(ground, kinds[index]!));
  }
  const medians = works.map((runsOfKind) => medianRun(runsOfKind, ({ ms }) => ms));
  const copyMs = medians[0]!.ms;
  return {
    name: 'convert',
    title: `Convert: a PEFT adapter that makes ${(wide.bytes / MB).toFixed(0)} MB of GGUF, median run of ${runs}`,
    columns: [
      { key: 'mbPerS', header: 'MB/s', digits: 0 },
      { key: 'ratio', header: 'of copy', digits: 2 },
      { key: 'cpuSeconds', header: 'CPU s', digits: 1 },
      { key: 'peakRssMB', header: 'peak RSS MB', digits: 0 },
      { key: 'overBaselineMB', header: 'over baseline', digits: 0 },
    ],
    rows: kinds.map(({ name, bytes }, index) => {
      const { ms, cpuSeconds, baselineRssBytes, peakRssBytes } = medians[index]!;
      return {
        name,
        values: {
          mbPerS: bytes / MB / (ms / 1000),
          ratio: copyMs / ms,
          cpuSeconds,
          peakRssMB: peakRssBytes / MB,
          overBaselineMB: (peakRssBytes - baselineRssBytes) / MB,
        },
      };
    }),
    notes: [
      'MB is 10^6 bytes, of what is written. Every value is checked to be a number on the way; the result is synced.',
      'The sources are in the page cache of the system, if it is large enough. Each run is a process of its own.',
    ],
  };
}

/** What was just written must not go to the disk while something is measured. */
async function synced(file: string): Promise<void> {
  const handle = await fs.promises.open(file, 'r+');
  await handle.sync().finally(() => handle.close());
}

async function runOnce(ground: Ground, kind: Kind): Promise<Work> {
  const out = path.join(ground.newFolder(), 'out');
  const peer = start(ground);
  try {
    return await kind.run(peer, out);
  } finally {
    await peer.kill();
    fs.rmSync(path.dirname(out), { recursive: true });
  }
}

function start(ground: Ground) {
  return ground.start<ConvertCalls>('convertPeer');
}
