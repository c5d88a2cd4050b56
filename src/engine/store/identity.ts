import { randomBytes } from 'node:crypto';
import { link, lstat, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LoraSwarmError, storageError } from '../errors';
import { makeFolder, statOf, syncFolder } from './files';

const NAME = 'identity.key';
/** An editor wrote this when it put the seed into its secret storage, where only it can read it. */
const CLAIM_NAME = 'identity.claim';

/**
 * Gives the seed of this machine's key pair, 64 hex characters, from `identity.key`. Makes it the first time.
 *
 * The file appears whole or not at all, is readable by its owner only, and is never overwritten: with another seed this
 * machine would be somebody else in every room.
 *
 * @throws {LoraSwarmError} `STORE_CORRUPT` when the file holds no seed, `IDENTITY_ELSEWHERE` when an editor keeps the seed of
 * this folder: another one would make the user somebody else in every room.
 */
export async function loadIdentitySeed(home: string): Promise<string> {
  const path = join(home, NAME);
  try {
    const seed = await readSeed(path);
    if (seed !== undefined) {
      await removeUnfinished(home);
      return seed;
    }
    if (await statOf(join(home, CLAIM_NAME))) throw keptByEditor(home);
    return await makeSeed(home, path);
  } catch (error) {
    throw storageError(error, path);
  }
}

/** Puts another seed in the place of the one that is there; the old one is gone then. Only for a change that was asked for. */
export async function replaceIdentitySeed(home: string, seed: Uint8Array): Promise<void> {
  const path = join(home, NAME);
  const fresh = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    await writeSeed(fresh, Buffer.from(seed).toString('hex'));
    await rename(fresh, path);
    await syncFolder(home);
  } catch (error) {
    throw storageError(error, path);
  } finally {
    await rm(fresh, { force: true });
  }
}

async function readSeed(path: string): Promise<string | undefined> {
  const stat = await lstat(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!stat) return undefined;
  const text = stat.isFile() && stat.size <= 66 ? await readFile(path, 'utf8') : '';
  if (/^[0-9a-f]{64}\r?\n?$/.test(text)) return text.slice(0, 64);
  throw new LoraSwarmError(
    'STORE_CORRUPT',
    `${path} holds no key. Put your copy of it back. Without one, move the file elsewhere: the next start makes a new ` +
      'identity, and private rooms have to let you in again.',
  );
}

async function makeSeed(home: string, path: string): Promise<string> {
  await makeFolder(home);
  const seed = randomBytes(32).toString('hex');
  const fresh = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    await writeSeed(fresh, seed);
    try {
      await link(fresh, path); // Unlike a rename it fails when another process was first.
    } catch (error) {
      if (await readSeed(path)) return await loadIdentitySeed(home);
      if (!isNoLinks(error)) throw error;
      await rename(fresh, path);
    }
  } finally {
    await rm(fresh, { force: true });
  }
  await removeUnfinished(home);
  await syncFolder(home);
  return seed;
}

async function writeSeed(path: string, seed: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(`${seed}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A process that was killed while it made the key left one that nobody uses. Without its file another maker takes ours. */
async function removeUnfinished(home: string): Promise<void> {
  for (const name of await readdir(home))
    if (name.startsWith(`${NAME}.`) && /\.[0-9a-f]{16}$/.test(name)) await rm(join(home, name), { force: true });
}

function keptByEditor(home: string): LoraSwarmError {
  return new LoraSwarmError(
    'IDENTITY_ELSEWHERE',
    `Your identity in ${home} is in the editor's secret storage. Keep the editor open while you use the command line, or name another folder with --home.`,
  );
}

/** Some file systems (exFAT, network drives) have no hard links. */
function isNoLinks(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && ['EPERM', 'ENOTSUP', 'ENOSYS', 'EINVAL'].includes(String(error.code))
  );
}
