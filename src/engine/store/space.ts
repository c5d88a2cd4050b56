import { statfs } from 'node:fs/promises';
import { LoraSwarmError } from '../errors';
import { DISK_RESERVE_BYTES, DISK_RESERVE_SHARE } from '../limits';

/** Refuses before a byte is written what can't end well. @throws {LoraSwarmError} `STORE_FULL` with the figures. */
export async function checkSpace(folder: string, neededBytes: number): Promise<void> {
  const { bavail, blocks, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const reserve = Math.min(DISK_RESERVE_BYTES, blocks * bsize * DISK_RESERVE_SHARE);
  if (neededBytes + reserve <= free) return;
  throw new LoraSwarmError(
    'STORE_FULL',
    `This needs ${inUnits(neededBytes)} on the disk of ${folder}, where ${inUnits(free)} are free and ` +
      `${inUnits(reserve)} stay so. Free some space, or choose another folder.`,
    { kind: 'openSetting', key: 'storage.path' },
  );
}

function inUnits(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1e3)} KB`;
}
