import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { keyPair, type KeyPair } from 'hypercore-crypto';
import { LoraSwarmError, storageError } from '../errors';
import { readContents, writeContents, type BackupContents } from '../identity/backupContents';
import { MAX_BACKUP_BYTES, backupInvalid, openBackup, sealBackup, type BackupCost } from '../identity/backupFile';
import { formatCertificate, parseCertificate } from '../identity/certificate';
import { makeRevocation, makeRotation } from '../identity/statements';
import { withoutInvites } from '../net/roomData';
import { isMissing, statOf } from '../store/files';
import { writeIdentityChange, writeUsersFile } from '../store/identityChange';
import type { Wishes } from '../wishes';
import { fingerprintOf } from './fingerprint';
import type { EngineParts } from './parts';

/** A certificate has under a thousand characters; a note may stand beside it. */
const MAX_CERTIFICATE_BYTES = 20_000;

export type OwnIdentityParts = Pick<EngineParts, 'keys' | 'identity' | 'store' | 'rooms' | 'authors' | 'log'> & {
  /** The engine has to be opened anew, with the identity that is written down now. */
  readonly onNewIdentity: () => void;
  /** Cheaper in tests. */
  readonly backupCost?: BackupCost;
};

type IdentityWish =
  'identity' | 'backUpIdentity' | 'restoreIdentity' | 'rotateIdentity' | 'exportRevocation' | 'revokeKey';

/** What a shell may ask of the user's own identity. */
export function identityGrants(parts: () => OwnIdentityParts): {
  readonly [N in IdentityWish]: (params: Wishes[N]['params']) => Promise<Wishes[N]['result']> | Wishes[N]['result'];
} {
  return {
    identity: () => parts().identity(),
    backUpIdentity: (params) => backUpIdentity(parts(), params),
    restoreIdentity: (params) => restoreIdentity(parts(), params),
    rotateIdentity: () => rotateIdentity(parts()),
    exportRevocation: (params) => exportRevocation(parts(), params),
    revokeKey: (params) => revokeKey(parts(), params),
  };
}

/** Writes identity, rooms and what is shared as one encrypted file. @throws {LoraSwarmError} `USAGE` for a file that exists. */
export async function backUpIdentity(
  parts: OwnIdentityParts,
  { path, passphrase, isReplacing }: Wishes['backUpIdentity']['params'],
): Promise<Wishes['backUpIdentity']['result']> {
  if (isReplacing !== true && (await statOf(path))) throw fileExists(path); // Before a second of work.
  const contents = contentsOf(parts);
  const bytes = await sealBackup(writeContents(contents), passphrase, parts.backupCost);
  await writeForUser(path, bytes, isReplacing === true);
  parts.log.info(`wrote a backup of the identity to ${basename(path)}`);
  const { rooms, shared } = contents;
  return { path, bytes: bytes.byteLength, rooms: rooms.length, shared: shared.length };
}

/**
 * Reads a backup and writes down that the next start has what is in it.
 *
 * @throws {LoraSwarmError} `BACKUP_INVALID`, `BACKUP_PASSPHRASE`; `IDENTITY_EXISTS` when another identity is in use here and the
 * caller did not say that it may go. Nothing is changed then.
 */
export async function restoreIdentity(
  parts: OwnIdentityParts,
  { path, passphrase, isReplacing }: Wishes['restoreIdentity']['params'],
): Promise<Wishes['restoreIdentity']['result']> {
  const file = await readUsersFile(path, MAX_BACKUP_BYTES, () =>
    backupInvalid('This file is longer than any backup that we write.'),
  );
  const contents = readContents(await openBackup(file, passphrase));
  const { publicKey } = keyPair(contents.seed);
  const isSame = publicKey.equals(parts.keys.publicKey);
  if (!isSame && isReplacing !== true && isInUse(parts)) throw identityExists(parts);

  // What is here of the same identity is newer than its backup.
  const here = new Set(isSame ? parts.store.rooms.list().map(({ id }) => id) : []);
  const rooms = contents.rooms.filter(({ id }) => !here.has(id));
  const displayName = isSame && parts.identity().name !== '' ? '' : contents.displayName;
  await writeChange(parts, 'restored', { ...contents, rooms, displayName, shared: [] });
  return {
    key: publicKey.toString('hex'),
    fingerprint: fingerprintOf(publicKey),
    name: contents.displayName,
    createdAt: contents.createdAt,
    isSame,
    rooms: rooms.map(({ id, label }) => ({ id, label })),
    shared: contents.shared,
  };
}

/** Moves to a new key, and says so with both. A key that is revoked has no say: then the new one is a new identity. */
export async function rotateIdentity(parts: OwnIdentityParts): Promise<Wishes['rotateIdentity']['result']> {
  const { keys, authors, store } = parts;
  const seed = randomBytes(32);
  const next = keyPair(seed);
  const old = keys.publicKey.toString('hex');
  const facts = authors.facts(old);
  const isLinked = !facts.isRevoked && facts.key === old && facts.disputed.length === 0;
  const { last } = store.releaseNumbers;
  const move = isLinked ? makeRotation(keys, next, last) : undefined;
  const statements = move ? [move.bytes] : [];
  const contents = { ...contentsOf(parts), seed, displayName: '', sequence: last, rooms: [], shared: [], statements };
  await writeChange(parts, 'moved', contents);
  if (move) handOverRooms(parts, next, move.bytes);
  return { key: next.publicKey.toString('hex'), fingerprint: fingerprintOf(next.publicKey), oldKey: old, isLinked };
}

/** What fails in one room must not keep the user from the new key: the next start does it. */
function handOverRooms({ rooms, store, log }: OwnIdentityParts, next: KeyPair, statement: Uint8Array): void {
  for (const { id, kind, label } of store.rooms.list()) {
    if (kind !== 'private') continue;
    try {
      rooms.people.handOver(id, next, statement);
    } catch (error) {
      log.warn(`room ${label} has not heard of the new key yet: ${String(error)}`);
    }
  }
}

/** Writes the certificate with which the user can end this key when it is lost. */
export async function exportRevocation(
  { keys }: OwnIdentityParts,
  { path, isReplacing }: Wishes['exportRevocation']['params'],
): Promise<Wishes['exportRevocation']['result']> {
  const statement = makeRevocation(keys);
  await writeForUser(path, Buffer.from(formatCertificate(statement)), isReplacing === true);
  return { path, key: statement.key };
}

/** Ends a key, and tells every room. @throws {LoraSwarmError} `STATEMENT_INVALID`; `CONFIRM_NEEDED` for one's own present key. */
export async function revokeKey(
  { keys, authors, rooms, log }: OwnIdentityParts,
  { path, isOwnConfirmed }: Wishes['revokeKey']['params'],
): Promise<Wishes['revokeKey']['result']> {
  const bytes = await readUsersFile(
    path,
    MAX_CERTIFICATE_BYTES,
    () => new LoraSwarmError('STATEMENT_INVALID', NO_FILE),
  );
  const statement = parseCertificate(bytes.toString('utf8'));
  const isOwn = statement.key === keys.publicKey.toString('hex');
  if (isOwn && isOwnConfirmed !== true)
    throw new LoraSwarmError(
      'CONFIRM_NEEDED',
      'This ends your own present key, for good: all that you share counts as revoked until you have a new one. Confirm it to go on.',
    );
  rooms.tellStatement(statement.bytes); // Also to who has that key, before it is cut off.
  authors.add(statement);
  const fingerprint = fingerprintOf(Buffer.from(statement.key, 'hex'));
  log.info(`revoked the key ${fingerprint}`);
  return { key: statement.key, fingerprint, isOwn };
}

const NO_FILE = 'This is no revocation certificate of LoRA Swarm: it is too long.';

function contentsOf({ keys, identity, store }: OwnIdentityParts): BackupContents {
  return {
    seed: Buffer.from(keys.secretKey.subarray(0, 32)), // Ed25519: the seed, then the public key.
    displayName: identity().name,
    sequence: store.releaseNumbers.last,
    createdAt: Date.now(),
    rooms: store.rooms.list().map((room) => {
      const { download, upload } = store.rooms.limits(room.id);
      return { ...room, data: withoutInvites(room.data), downloadLimit: download, uploadLimit: upload };
    }),
    shared: store.shared.list().map(({ id, release: { release }, rooms }) => ({
      id,
      name: `${release.author}/${release.name}`,
      rooms,
    })),
    statements: store.statements.list().flatMap(({ isMine, statement }) => (isMine ? [statement.bytes] : [])),
  };
}

/** Others may know it, so that nobody loses it by mistake: it is in a room, or signed something. */
function isInUse({ store }: OwnIdentityParts): boolean {
  return store.rooms.list().length > 0 || store.shared.list().length > 0 || store.releaseNumbers.last > 0;
}

async function writeChange(
  { store, onNewIdentity }: OwnIdentityParts,
  kind: 'moved' | 'restored',
  contents: BackupContents,
): Promise<void> {
  const { home } = store.paths;
  try {
    await writeIdentityChange(home, { kind, contents });
  } catch (error) {
    throw storageError(error, home);
  }
  onNewIdentity();
}

async function writeForUser(path: string, bytes: Uint8Array, isReplacing: boolean): Promise<void> {
  try {
    await writeUsersFile(path, bytes, isReplacing);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw fileExists(path);
    if (isMissing(error)) throw new LoraSwarmError('USAGE', `The folder of ${path} is not there. Make it first.`);
    throw storageError(error, path);
  }
}

async function readUsersFile(path: string, limit: number, tooLong: () => Error): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > limit) throw tooLong();
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) throw new LoraSwarmError('USAGE', `There is no file ${path}.`);
    throw storageError(error, path);
  }
}

function fileExists(path: string): LoraSwarmError {
  return new LoraSwarmError('USAGE', `${path} exists already. Choose another name, or say that it may be replaced.`);
}

function identityExists({ keys }: OwnIdentityParts): LoraSwarmError {
  return new LoraSwarmError(
    'IDENTITY_EXISTS',
    `Another identity (${fingerprintOf(keys.publicKey)}) is in use here, with its rooms or what it shared. Restoring puts the one of the backup in its place, and its key is gone then. ` +
      'Back it up first, then say that it may be replaced.',
  );
}
