import { spawnSync } from 'node:child_process';
import fs from 'node:fs';

/** Why no small disk can be had here. */
export function noSmallDisks(): string | undefined {
  if (process.platform !== 'linux') return 'a tmpfs is there on Linux only';
  if (process.getuid?.() !== 0) return 'only root may mount a small disk';
  const probe = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', '/mnt']);
  return probe.status === 0 ? undefined : 'this machine mounts no tmpfs';
}

/** Runs `use` with a disk of its own, in memory. */
export async function withSmallDisk<T>(
  folder: string,
  megabytes: number,
  use: (disk: string) => Promise<T>,
): Promise<T> {
  fs.mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'none', folder]);
  if (status !== 0) throw new Error(`mount: ${String(stderr)}`);
  try {
    return await use(folder);
  } finally {
    // Lazily: a victim that failed may still have files open.
    spawnSync('umount', ['-l', folder]);
    fs.rmdirSync(folder);
  }
}
