import { statfs } from 'node:fs/promises';
import { LoraSwarmError } from '../errors';

/** Left free for everybody else: 1 GiB, or 1 % of a disk that is smaller than 100 GiB. */
const RESERVE_BYTES = 1024 ** 3;
const RESERVE_SHARE = 0.01;

/** Refuses before a byte is written what can't end well. @throws {LoraSwarmError} `STORE_FULL` with the figures. */
export async function checkSpace(folder: string, neededBytes: number): Promise<void> {
  const { bavail, blocks, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const reserve = Math.min(RESERVE_BYTES, blocks * bsize * RESERVE_SHARE);
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
