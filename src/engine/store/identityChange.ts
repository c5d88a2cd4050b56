import { randomBytes } from 'node:crypto';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LoraSwarmError } from '../errors';
import { MAX_BACKUP_BYTES } from '../identity/backupFile';
import { readContents, writeContents, type BackupContents } from '../identity/backupContents';
import { createFile, readSmallFile, syncFolder } from './files';

/**
 * Another identity for this folder: kind, seed and contents, a line each. It holds all that the change does, so it is done wholly or not at all: whoever opens the
 * folder next does it, or does it again after a crash, and removes the file last. Its name also tells an editor, whose secret
 * storage only it can write, which seed is next.
 */
export const CHANGE_NAME = 'identity.next';

export interface IdentityChange {
  /** `moved`: a new key of the same user. `restored`: what a backup holds, which comes to what is here. */
  readonly kind: 'moved' | 'restored';
  /** Of a move: its seed, and the statement about it. */
  readonly contents: BackupContents;
}

/** From here on the next start has the new identity. */
export async function writeIdentityChange(home: string, { kind, contents }: IdentityChange): Promise<void> {
  const path = join(home, CHANGE_NAME);
  const fresh = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    const file = await createFile(fresh);
    try {
      await file.writeFile(
        Buffer.concat([Buffer.from(`${kind}\n${contents.seed.toString('hex')}\n`), writeContents(contents)]),
      );
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
    await syncFolder(home);
  } finally {
    await rm(fresh, { force: true });
  }
}

/** @throws {LoraSwarmError} `STORE_CORRUPT` when it can't be read. It is left alone, as it may hold the only copy of a key. */
export async function readIdentityChange(home: string): Promise<IdentityChange | undefined> {
  const path = join(home, CHANGE_NAME);
  const bytes = await readSmallFile(path, MAX_BACKUP_BYTES);
  if (!bytes) return undefined;
  try {
    const [, kind, seed = ''] =
      /^(moved|restored)\n([0-9a-f]{64})\n/.exec(bytes.subarray(0, 80).toString('latin1')) ?? [];
    const contents = readContents(bytes.subarray((kind?.length ?? 0) + seed.length + 2));
    if ((kind !== 'moved' && kind !== 'restored') || contents.seed.toString('hex') !== seed)
      throw new TypeError('its first lines');
    return { kind, contents };
  } catch (error) {
    throw new LoraSwarmError(
      'STORE_CORRUPT',
      `${path} is damaged: a change of your identity that was not finished. Move the file elsewhere to go on with the identity of before.`,
      undefined,
      { cause: error },
    );
  }
}

export async function endIdentityChange(home: string): Promise<void> {
  await rm(join(home, CHANGE_NAME), { force: true });
  await syncFolder(home);
}

/** A process that was killed while it wrote one left a seed that nobody uses. */
export async function removeUnfinishedChanges(home: string): Promise<void> {
  for (const name of await readdir(home))
    if (/^identity\.next\.[0-9a-f]{16}$/.test(name)) await rm(join(home, name), { force: true });
}

/** Writes a file of the user's that is not there yet, for its owner only. @throws an `EEXIST` when it is. */
export async function writeUsersFile(path: string, bytes: Uint8Array, isReplacing: boolean): Promise<void> {
  const fresh = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    const file = await open(isReplacing ? fresh : path, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    if (isReplacing) await rename(fresh, path);
  } finally {
    if (isReplacing) await rm(fresh, { force: true });
  }
}
