import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keyPair, type KeyPair } from 'hypercore-crypto';
import { hasCode, storageError } from '../errors';
import { formatCertificate } from '../identity/certificate';
import { makeRevocation, openStatement } from '../identity/statements';
import type { BackupContents } from '../identity/backupContents';
import type { Logger } from '../log';
import { withoutInvites } from '../net/roomData';
import { readSmallFile, writeNewFile } from '../store/files';
import { loadIdentitySeed, replaceIdentitySeed } from '../store/identity';
import { endIdentityChange, readIdentityChange, removeUnfinishedChanges } from '../store/identityChange';
import type { Store } from '../store/store';

/** People add a note. */
const MAX_CERTIFICATE_BYTES = 65_536;

/**
 * Gives the key pair of this folder, after a change of it that was asked for last time. Sees to it that its revocation
 * certificate is there, as one can't be made any more when the key is lost.
 *
 * @param given seed from a shell's secret storage, hex.
 * @throws {LoraSwarmError} as `loadIdentitySeed`; `STORE_CORRUPT` for a change that can't be read.
 */
export async function settleIdentity(store: Store, given: string | undefined, log: Logger): Promise<KeyPair> {
  const { home } = store.paths;
  let seed = given ?? (await loadIdentitySeed(home));
  const change = await readIdentityChange(home);
  await removeUnfinishedChanges(home);
  const next = change?.contents.seed.toString('hex');
  if (change && (given === undefined || given === next)) {
    // Each step may have been done before a crash, and can be done again.
    takeIn(store, change.contents);
    if (given === undefined) await replaceIdentitySeed(home, change.contents.seed);
    await endIdentityChange(home);
    seed = next!;
    log.info(change.kind === 'moved' ? 'moved to a new key' : 'restored an identity from its backup');
  } else if (change) log.warn('the new key is not in the secret storage yet; this start goes on with the old one');
  const keys = keyPair(Buffer.from(seed, 'hex'));
  await keepCertificate(home, keys, log);
  return keys;
}

/** Where the revocation certificate of a key lies in the storage folder. */
export function certificatePath(home: string, publicKey: Uint8Array): string {
  return join(home, `revocation-${Buffer.from(publicKey).toString('hex').slice(0, 16)}.txt`);
}

function takeIn(store: Store, { statements, sequence, displayName, rooms }: BackupContents): void {
  for (const bytes of statements) {
    try {
      store.statements.put(openStatement(bytes), { isMine: true });
    } catch (error) {
      if (!hasCode(error, 'STATEMENT_INVALID')) throw error; // Of a later version.
    }
  }
  store.releaseNumbers.raise(sequence);
  if (displayName !== '') store.settings.set('identity.displayName', displayName.slice(0, 80));
  for (const { downloadLimit, uploadLimit, ...room } of rooms) {
    store.rooms.put({ ...room, data: withoutInvites(room.data) }); // Early versions had them in their backups.
    store.rooms.setLimits(room.id, { download: downloadLimit, upload: uploadLimit });
  }
}

async function keepCertificate(home: string, keys: KeyPair, log: Logger): Promise<void> {
  const path = certificatePath(home, keys.publicKey);
  try {
    const text = formatCertificate(makeRevocation(keys));
    const there = await readSmallFile(path, MAX_CERTIFICATE_BYTES);
    const isUnfinished = there !== undefined && there.length < text.length && text.startsWith(there.toString('utf8'));
    if (isUnfinished) await rm(path); // Who wrote it was killed.
    if (isUnfinished || !there) await writeNewFile(path, Buffer.from(text));
  } catch (error) {
    log.warn(`the revocation certificate could not be written: ${String(storageError(error, path))}`);
  }
}
