import type { RoomKind } from '../state';
import { backupInvalid } from './backupFile';

const VERSION = 1;
/** More than the program lets anybody have, and little enough to read. */
const LIMITS = { rooms: 256, shared: 10_000, statements: 4_096 };

export interface BackupRoom {
  readonly id: string;
  readonly kind: RoomKind;
  readonly label: string;
  readonly isJoined: boolean;
  /** What the room keeps, secret and members among it. Read by the room, like its row in the database. */
  readonly data: unknown;
  readonly downloadLimit: number;
  readonly uploadLimit: number;
}

/** Something that was shared. The weights are not in the backup, so this only says what to share again. */
export interface BackupShare {
  readonly id: string;
  readonly name: string;
  readonly rooms: readonly string[];
}

/** What a new machine needs to be the same peer in the same rooms. */
export interface BackupContents {
  /** 32 bytes. */
  readonly seed: Buffer;
  /** What the user is called. */
  readonly displayName: string;
  /** Number of the last release. The next one gets a higher one. */
  readonly sequence: number;
  /** Clock of the machine, milliseconds since 1970. For display only. */
  readonly createdAt: number;
  readonly rooms: readonly BackupRoom[];
  readonly shared: readonly BackupShare[];
  /** Bytes of statements, to be checked by `openStatement`. */
  readonly statements: readonly Uint8Array[];
}

export function writeContents({ seed, statements, ...rest }: BackupContents): Buffer {
  return Buffer.from(
    JSON.stringify({
      version: VERSION,
      seed: seed.toString('hex'),
      ...rest,
      statements: statements.map((bytes) => Buffer.from(bytes).toString('base64')),
    }),
  );
}

/** @throws {LoraSwarmError} `BACKUP_INVALID` for what `writeContents` did not write. Unknown fields are ignored. */
export function readContents(bytes: Uint8Array): BackupContents {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw wrong('no JSON', error);
  }
  const from = record(value);
  if (from['version'] !== VERSION) throw wrong('version');
  const seed = text(from['seed'], 64);
  if (!/^[0-9a-f]{64}$/.test(seed)) throw wrong('seed');
  return {
    seed: Buffer.from(seed, 'hex'),
    displayName: text(from['displayName'], 320),
    sequence: count(from['sequence']),
    createdAt: count(from['createdAt']),
    rooms: list(from['rooms'], LIMITS.rooms).map(readRoom),
    shared: list(from['shared'], LIMITS.shared).map(readShare),
    statements: list(from['statements'], LIMITS.statements).map((each) => Buffer.from(text(each, 600), 'base64')),
  };
}

function readRoom(value: unknown): BackupRoom {
  const from = record(value);
  const kind = from['kind'];
  if (kind !== 'general' && kind !== 'local' && kind !== 'private') throw wrong('a kind of room');
  return {
    id: text(from['id'], 64),
    kind,
    label: text(from['label'], 320),
    isJoined: from['isJoined'] === true,
    data: from['data'] ?? null,
    downloadLimit: count(from['downloadLimit']),
    uploadLimit: count(from['uploadLimit']),
  };
}

function readShare(value: unknown): BackupShare {
  const from = record(value);
  const id = text(from['id'], 64);
  if (!/^[0-9a-f]{64}$/.test(id)) throw wrong('an id');
  return { id, name: text(from['name'], 200), rooms: list(from['rooms'], LIMITS.rooms).map((room) => text(room, 64)) };
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('its form');
  return Object.assign(Object.create(null) as Record<string, unknown>, value);
}

function list(value: unknown, limit: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > limit) throw wrong('a list');
  return value;
}

function text(value: unknown, limit: number): string {
  if (typeof value !== 'string' || value.length > limit) throw wrong('a text');
  return value;
}

function count(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw wrong('a number');
  return value as number;
}

/** What it says is decrypted: of it nothing is quoted. */
function wrong(what: string, cause?: unknown): Error {
  const isSyntax = cause instanceof SyntaxError; // Its message quotes the text, secrets included.
  return backupInvalid(
    `This backup was opened, but what is in it can't be read (${what}). Another version of LoRA Swarm may have written it.`,
    isSyntax ? undefined : cause,
  );
}
