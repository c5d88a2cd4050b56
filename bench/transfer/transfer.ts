import fs from 'node:fs';
import type { Ground } from '../ground';
import { targetSection, type Row } from '../links/targets';
import type { BenchOptions } from '../options';
import { installRivals } from '../rivals';
import type { Section } from '../section';
import { Cargo } from './cargo';
import { digestOf, type Carried } from './carried';
import { COLUMNS, tableRows, targetRows } from './figures';
import { findPlace, freeBytes, PLACE_NAMES, type Place } from './place';
import { WAYS, type Way, type WayKey } from './ways';

const MB = 1e6;
/** What a system needs beside the files. */
const SPARE_BYTES = 512 * MB;

/**
 * One adapter carried in every way there is, ours and others', between two processes on loopback, beside what the machine
 * gives at most. Once in memory, so that a slow disk does not hide the engine, and once on the disk.
 */
export async function benchTransfer(ground: Ground, options: BenchOptions): Promise<readonly Section[]> {
  const chosen = WAYS.filter(({ key }) => options.only.length === 0 || options.only.includes(key));
  const missing = await whyMissing(chosen, options.say);
  const sections: Section[] = [];
  const targets: Row[] = [];
  const notes: string[] = [];
  for (const name of PLACE_NAMES.filter((place) => options.places.includes(place))) {
    const place = findPlace(ground, name, 2 * options.size + SPARE_BYTES);
    if (typeof place === 'string') {
      notes.push(`Left out: ${name}. ${place}.`);
      options.say(`transfer: no ${name}: ${place}`);
      continue;
    }
    try {
      const { section, targets: measured } = await carryIn(ground, place, { chosen, missing, ...options });
      sections.push(section);
      targets.push(...measured);
    } finally {
      fs.rmSync(place.folder, { recursive: true, force: true });
    }
  }
  const shown = targets.filter(({ values }) => options.only.length === 0 || values['measured'] !== undefined);
  return [
    ...sections,
    targetSection({
      name: 'transferTargets',
      title: 'Transfers: what has to hold',
      rows: shown,
      notes: [...notes, ...NOTES],
    }),
  ];
}

async function carryIn(
  ground: Ground,
  place: Place,
  { chosen, missing, size, runs, say }: BenchOptions & { chosen: readonly Way[]; missing: Missing },
): Promise<{ section: Section; targets: Row[] }> {
  say(`transfer: writing an adapter of ${(size / MB).toFixed(0)} MB (${place.name})`);
  const cargo = await Cargo.make(ground, place, size);
  await warmUp(cargo);
  const results = new Map<WayKey, Carried[]>(chosen.map(({ key }) => [key, []]));
  const leftOut = new Map(missing);
  for (let run = 1; run <= runs; run++) {
    // Forth and back: what the one before left in memory, the next one has for nothing or has to clear away.
    for (const way of run % 2 === 1 ? chosen : chosen.toReversed()) {
      if (leftOut.has(way.key)) continue;
      say(`transfer: ${place.name}, run ${run} of ${runs}: ${way.name}`);
      const carried = await runOnce(ground, way, cargo, run === 1);
      if (typeof carried !== 'string') results.get(way.key)!.push(carried);
      else {
        say(`transfer: ${way.name} is left out: ${carried}`);
        leftOut.set(way.key, carried);
        results.set(way.key, []);
        if (way.isOurs) process.exitCode = 1;
      }
    }
  }
  const { bytes } = cargo;
  return {
    section: {
      name: place.name === 'tmpfs' ? 'transferTmpfs' : 'transferDisk',
      title: `Transfers on ${place.name}: ${(bytes / MB).toFixed(0)} MB over loopback, median run of ${runs} by MB/s`,
      columns: COLUMNS,
      rows: tableRows(chosen, bytes, results),
      notes: chosen.flatMap(({ key, name }) => (leftOut.has(key) ? [`Left out: ${name}, ${leftOut.get(key)}.`] : [])),
    },
    targets: targetRows(place.name, bytes, results),
  };
}

const NOTES = [
  'In the tables: MB is 10^6 bytes. Runs: slowest/quickest. x: the rate in rates of another row. CPU and RSS: taker/giver. Loop: delay p99/max in ms.',
  'Ours: from the wish to the package in the library, encrypted, every chunk and the whole file verified, synced.',
  'Over: the connection that the engine said it fetched on. Pipes carry memory to nowhere.',
  'WebTorrent and Hyperdrive do not sync. WebTorrent is not encrypted, and its time begins before it connects.',
  'First ms: until the first byte is on disk; of a pipe, until it has arrived.',
  'The loop of the taker and of the giver is that of the main thread, where others do their work; thread: where our engine does it.',
  'Idle: a process that does nothing meanwhile. What it reads above 2 ms is the machine.',
];

type Missing = ReadonlyMap<WayKey, string>;

async function whyMissing(ways: readonly Way[], say: (line: string) => void): Promise<Missing> {
  const why = ways.some(({ isRival }) => isRival) ? await installRivals(say) : undefined;
  const missing = ways.map(({ key, isRival, missing }) => [key, (isRival && why) ?? missing?.()] as const);
  return new Map(missing.filter((entry): entry is [WayKey, string] => entry[1] !== undefined));
}

/** @returns why it did not work. */
async function runOnce(ground: Ground, way: Way, cargo: Cargo, isChecked: boolean): Promise<Carried | string> {
  const needed = way.copies * cargo.bytes + SPARE_BYTES;
  if (freeBytes(cargo.place.folder) < needed)
    return `it needs ${(needed / MB).toFixed(0)} MB of ${cargo.place.name}, and ${(freeBytes(cargo.place.folder) / MB).toFixed(0)} are free`;
  const scratch = cargo.newFolder();
  try {
    const carried = await way.run(ground, cargo, scratch);
    if (isChecked && carried.file !== undefined && (await digestOf(carried.file)) !== cargo.digest)
      return 'what arrived is not what was sent';
    return carried;
  } catch (error) {
    // That of another process comes with its kind and its stack.
    return /^(?:\w*Error: )?(.*?)\.?$/m.exec((error as Error).message)![1]!;
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

/** The first one to write on an empty machine waits for memory that the next ones find ready. */
async function warmUp(cargo: Cargo): Promise<void> {
  const folder = cargo.newFolder();
  await fs.promises.copyFile(cargo.file, cargo.in(folder));
  fs.rmSync(folder, { recursive: true });
}
