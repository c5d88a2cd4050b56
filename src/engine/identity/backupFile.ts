import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import sodium from 'sodium-universal';
import { LoraSwarmError } from '../errors';

// magic (8) | passes (4) | memory in KiB (4) | salt (16) | nonce (24) | XChaCha20-Poly1305 of the contents | SHA-256 of all before (32)

const MAGIC = Buffer.from('LSWMBAK1');
const HEADER_BYTES = 8 + 4 + 4 + 16 + 24;
const SUM_BYTES = 32;
const TAG_BYTES = 16;
/** 64 rooms with a thousand members each are under 6 MB. */
export const MAX_BACKUP_BYTES = 16 * 1024 * 1024;
/** A short one is guessed however slow each guess is. */
const MIN_PASSPHRASE_CHARS = 8;
const MAX_PASSPHRASE_CHARS = 1_024;

/** How costly a guess of the passphrase is. */
export interface BackupCost {
  readonly passes: number;
  readonly memoryKiB: number;
}

/** Argon2id as libsodium's "moderate": about a second, and 256 MiB for each guess. */
export const BACKUP_COST: BackupCost = { passes: 3, memoryKiB: 256 * 1024 };
/** A file of somebody else must not make us work for minutes or take all memory; a weak one is made by nobody honest. */
const LIMITS = { passes: { least: 1, most: 10 }, memoryKiB: { least: 8 * 1024, most: 1024 * 1024 } };

/** Encrypts with a key made of the passphrase. @throws {LoraSwarmError} `USAGE` for a passphrase that is too short. */
export async function sealBackup(
  contents: Uint8Array,
  passphrase: string,
  cost: BackupCost = BACKUP_COST,
): Promise<Buffer> {
  const password = passwordOf(passphrase);
  if (Array.from(passphrase).length < MIN_PASSPHRASE_CHARS)
    throw new LoraSwarmError(
      'USAGE',
      `Take a passphrase of ${MIN_PASSPHRASE_CHARS} characters or more. Four or five words that have nothing to do with each other are good.`,
    );
  const header = Buffer.concat([MAGIC, Buffer.alloc(8), randomBytes(16 + 24)]);
  header.writeUInt32LE(cost.passes, 8);
  header.writeUInt32LE(cost.memoryKiB, 12);
  const sealed = Buffer.alloc(contents.byteLength + TAG_BYTES);
  const key = await deriveKey(header, password);
  try {
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, contents, header, null, header.subarray(32), key);
  } finally {
    key.fill(0);
    password.fill(0);
  }
  const file = Buffer.concat([header, sealed]);
  return Buffer.concat([file, sumOf(file)]);
}

/**
 * Decrypts what `sealBackup` made. That it was damaged by accident shows before the passphrase is tried.
 *
 * @throws {LoraSwarmError} `BACKUP_INVALID` for another file, a damaged one or one cut off; `BACKUP_PASSPHRASE`.
 */
export async function openBackup(file: Uint8Array, passphrase: string): Promise<Buffer> {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (!bytes.subarray(0, 7).equals(MAGIC.subarray(0, 7)))
    throw backupInvalid('This is no backup of LoRA Swarm. Choose the file that "identity backup" wrote.');
  if (bytes[7] !== MAGIC[7])
    throw backupInvalid('This backup was written by a newer version of LoRA Swarm. Update this one, then try again.');
  if (bytes.byteLength > MAX_BACKUP_BYTES) throw backupInvalid('This backup is longer than any that we write.');
  const end = bytes.byteLength - SUM_BYTES;
  if (end < HEADER_BYTES + TAG_BYTES || !timingSafeEqual(sumOf(bytes.subarray(0, end)), bytes.subarray(end)))
    throw backupInvalid(
      'This backup is damaged or a part of it is missing, and nothing was changed. Use another copy of it.',
    );
  const header = bytes.subarray(0, HEADER_BYTES);
  checkCost(header);
  const contents = Buffer.alloc(end - HEADER_BYTES - TAG_BYTES);
  const password = passwordOf(passphrase);
  const key = await deriveKey(header, password);
  try {
    const sealed = bytes.subarray(HEADER_BYTES, end);
    sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(contents, null, sealed, header, header.subarray(32), key);
  } catch {
    throw new LoraSwarmError(
      'BACKUP_PASSPHRASE',
      'The passphrase is not the one of this backup. Nothing was changed. Try again; capital letters and spaces count.',
    );
  } finally {
    key.fill(0);
    password.fill(0);
  }
  return contents;
}

export function backupInvalid(message: string, cause?: unknown): LoraSwarmError {
  return new LoraSwarmError('BACKUP_INVALID', message, undefined, { cause });
}

function checkCost(header: Buffer): void {
  const { passes, memoryKiB } = costOf(header);
  for (const [value, { least, most }] of [
    [passes, LIMITS.passes],
    [memoryKiB, LIMITS.memoryKiB],
  ] as const)
    if (value < least || value > most)
      throw backupInvalid('This backup asks for more work or memory than any that we write, and was not opened.');
}

function costOf(header: Buffer): BackupCost {
  return { passes: header.readUInt32LE(8), memoryKiB: header.readUInt32LE(12) };
}

/** In a thread of its own: the engine goes on meanwhile. */
async function deriveKey(header: Buffer, password: Buffer): Promise<Buffer> {
  const { passes, memoryKiB } = costOf(header);
  const key = Buffer.alloc(sodium.crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
  const algorithm = sodium.crypto_pwhash_ALG_ARGON2ID13;
  try {
    await sodium.crypto_pwhash_async(key, password, header.subarray(16, 32), passes, memoryKiB * 1024, algorithm);
  } catch (error) {
    throw new LoraSwarmError(
      'STORE_FAILED',
      `There is too little memory: ${memoryKiB / 1024} MiB are needed for a moment. Close other programs, then try again.`,
      { kind: 'retry' },
      { cause: error },
    );
  }
  return key;
}

/** Keyboards write the same letter in several ways. */
function passwordOf(passphrase: string): Buffer {
  if (passphrase.length > MAX_PASSPHRASE_CHARS)
    throw new LoraSwarmError('USAGE', `A passphrase has at most ${MAX_PASSPHRASE_CHARS} characters.`);
  return Buffer.from(passphrase.normalize('NFKC'));
}

function sumOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
