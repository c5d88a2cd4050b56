import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Ground } from '../ground';

export const PLACE_NAMES = ['tmpfs', 'disk'] as const;
export type PlaceName = (typeof PLACE_NAMES)[number];

/** TMPFS_MAGIC and RAMFS_MAGIC of linux/magic.h. */
const MEMORY_FILE_SYSTEMS = [0x01021994, 0x858458f6];

/** A folder where files are carried, and what it is on. */
export interface Place {
  readonly name: PlaceName;
  readonly folder: string;
}

/** @returns a new folder of that kind, or why there is none. */
export function findPlace(ground: Ground, name: PlaceName, bytes: number): Place | string {
  if (name === 'disk')
    return isInMemory(ground.folder)
      ? `${os.tmpdir()} is in memory; name a folder on a disk in TMPDIR`
      : { name, folder: ground.newFolder() };
  if (process.platform !== 'linux') return 'a file system in memory is looked for on Linux only';
  const candidates = ['/dev/shm', process.env['XDG_RUNTIME_DIR'], os.tmpdir()].filter((folder) => folder !== undefined);
  const parent = candidates.find((folder) => isInMemory(folder) && isWritable(folder) && freeBytes(folder) > bytes);
  if (parent === undefined) return `no tmpfs has room for ${Math.ceil(bytes / 1e6)} MB`;
  const folder = fs.mkdtempSync(path.join(parent, 'lora-swarm-bench-'));
  ground.onDispose(() => fs.promises.rm(folder, { recursive: true, force: true }));
  return { name, folder };
}

/** What can still be written there. Files in memory take it from the programs. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = fs.statfsSync(folder);
  const free = bavail * bsize;
  return isInMemory(folder) ? Math.min(free, availableMemory()) : free;
}

function isInMemory(folder: string): boolean {
  if (process.platform !== 'linux' || !fs.existsSync(folder)) return false;
  return MEMORY_FILE_SYSTEMS.includes(fs.statfsSync(folder).type);
}

function isWritable(folder: string): boolean {
  try {
    fs.accessSync(folder, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** With what the system would give up of its page cache. */
function availableMemory(): number {
  const kB = /^MemAvailable:\s+(\d+) kB/m.exec(fs.readFileSync('/proc/meminfo', 'utf8'))?.[1];
  return kB === undefined ? os.freemem() : Number(kB) * 1024;
}
