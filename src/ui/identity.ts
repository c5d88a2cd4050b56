import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The part of `vscode.SecretStorage` that is used. */
export interface SecretStore {
  get(key: string): PromiseLike<string | undefined>;
  store(key: string, value: string): PromiseLike<void>;
  readonly onDidChange: (listener: (event: { readonly key: string }) => unknown) => { dispose(): unknown };
}

export const SEED_SECRET = 'identity.seed';
/** Written by the command line when it was here first. */
const KEY_FILE = 'identity.key';
/** Says that a window has made, or is making, the seed. Holds nothing. */
const CLAIM_FILE = 'identity.claim';
/** How long the window that lost the race waits for the seed of the one that won. */
const CLAIM_WAIT_MS = 2_000;
const SEED = /^[0-9a-f]{64}$/;
/** The engine wrote it: the identity is to change. It has the kind of change, then the new seed, a line each. */
const CHANGE_FILE = 'identity.next';
const CHANGE = /^(?:moved|restored)\n([0-9a-f]{64})\n/;

/**
 * Gives the identity seed of this user, 64 hex characters, or nothing when the engine shall use the file in `home`.
 *
 * Editor and terminal share one storage folder and have to be one peer. A seed in SecretStorage is out of a terminal's
 * reach, so where the command line has made an `identity.key`, that file wins, and the secret is left alone in case the file
 * goes away again. Otherwise the seed is in SecretStorage only: a stolen copy of the folder is then nobody.
 *
 * Asked before each start of an engine. A seed that the user moved to, or restored, is taken over from the file of that change; the
 * engine that starts with it does the rest and removes the file.
 */
export async function identitySeed(secrets: SecretStore, home: string): Promise<string | undefined> {
  if (await exists(join(home, KEY_FILE))) return undefined;
  return (await takeChange(secrets, home)) ?? (await readSeed(secrets)) ?? makeSeed(secrets, home);
}

async function takeChange(secrets: SecretStore, home: string): Promise<string | undefined> {
  const text = await readFile(join(home, CHANGE_FILE), 'latin1').catch(() => undefined);
  const seed = text === undefined ? undefined : CHANGE.exec(text)?.[1];
  if (seed === undefined) return undefined;
  if ((await readSeed(secrets)) !== seed) await secrets.store(SEED_SECRET, seed);
  await claim(home);
  return seed;
}

/** An installation activates all open windows at once; the claim lets one of them make the seed, and the others read it. */
async function makeSeed(secrets: SecretStore, home: string): Promise<string> {
  if (!(await claim(home))) {
    const theirs = await nextSeed(secrets);
    if (theirs !== undefined) return theirs;
  }
  const seed = randomBytes(32).toString('hex');
  await secrets.store(SEED_SECRET, seed);
  // Where even this raced, all windows go on with what is stored now, as they will at the next start.
  return (await readSeed(secrets)) ?? seed;
}

async function readSeed(secrets: SecretStore): Promise<string | undefined> {
  const seed = await secrets.get(SEED_SECRET);
  return seed !== undefined && SEED.test(seed) ? seed : undefined;
}

async function nextSeed(secrets: SecretStore): Promise<string | undefined> {
  const { stored, stop } = whenStored(secrets);
  try {
    // Listening first: what is stored between this reading and the waiting is not missed.
    const already = await readSeed(secrets);
    if (already !== undefined) return already;
    await stored;
    return await readSeed(secrets);
  } finally {
    stop();
  }
}

function whenStored(secrets: SecretStore): { stored: Promise<void>; stop: () => void } {
  const stops: (() => unknown)[] = [];
  const stored = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, CLAIM_WAIT_MS);
    const listening = secrets.onDidChange(({ key }) => {
      if (key === SEED_SECRET) resolve();
    });
    stops.push(
      () => clearTimeout(timer),
      () => listening.dispose(),
    );
  });
  return { stored, stop: () => stops.forEach((stop) => stop()) };
}

async function claim(home: string): Promise<boolean> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  try {
    await (await open(join(home, CLAIM_FILE), 'wx', 0o600)).close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
