import { createHash, randomBytes } from 'node:crypto';
import { LoraSwarmError } from '../errors';
import { ROOM_CODE_CHECK_LENGTH, ROOM_CODE_LENGTH, ROOM_SECRET_BYTES } from '../limits';

/** Crockford's base32: no I, L, O, U, so a code read aloud or typed by hand stays right. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** What the owner of a private room keeps. The secret commits to the owner's key, so ownership can be shown by the nonce. */
export interface RoomSecret {
  /** 16 bytes. */
  readonly secret: Buffer;
  /** 32 bytes. */
  readonly nonce: Buffer;
}

/** Makes the secret of a new private room, or of the next epoch of one. */
export function makeRoomSecret(ownerKey: Uint8Array): RoomSecret {
  const nonce = randomBytes(32);
  return { nonce, secret: roomSecretOf(ownerKey, nonce) };
}

/** The secret that this owner's nonce stands for: the first 16 bytes of SHA-256 over a label, the key and the nonce. */
export function roomSecretOf(ownerKey: Uint8Array, nonce: Uint8Array): Buffer {
  const hash = createHash('sha256').update('lora-swarm/room-secret/1\n').update(ownerKey).update(nonce).digest();
  return hash.subarray(0, ROOM_SECRET_BYTES);
}

/** `ABCD-EFGH-…`: 26 characters of the secret and 2 that check them, in groups of four. */
export function formatRoomCode(secret: Uint8Array): string {
  return formatBase32(secret, checkOf);
}

/** @throws {LoraSwarmError} `ROOM_CODE_INVALID` for anything that `formatRoomCode` did not write, up to case, hyphens and look-alikes. */
export function parseRoomCode(text: string): Buffer {
  const secret = parseBase32(text, checkOf);
  if (!secret) throw codeInvalid();
  return secret;
}

/** 16 bytes as 26 characters and 2 that check them, in groups of four. @param hashOf gives the two from the 26. */
export function formatBase32(bytes: Uint8Array, hashOf: (body: string) => Uint8Array): string {
  const body = toBase32(bytes);
  return (body + checkText(hashOf(body))).replace(/(.{4})(?=.)/g, '$1-');
}

/** What `formatBase32` wrote, up to case, spaces, hyphens and look-alikes; undefined for anything else. */
export function parseBase32(text: string, hashOf: (body: string) => Uint8Array): Buffer | undefined {
  if (text.length > 200) return undefined;
  const code = text.trim().toUpperCase().replace(/[\s-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1');
  if (code.length !== ROOM_CODE_LENGTH + ROOM_CODE_CHECK_LENGTH || !/^[0-9A-HJKMNP-TV-Z]+$/.test(code))
    return undefined;
  const body = code.slice(0, ROOM_CODE_LENGTH);
  if (checkText(hashOf(body)) !== code.slice(ROOM_CODE_LENGTH)) return undefined;
  const secret = fromBase32(body);
  return toBase32(secret) === body ? secret : undefined;
}

/** The link that opens the join question in an editor. */
export function inviteLink(uriScheme: string, code: string): string {
  return `${uriScheme}://lora-swarm.lora-swarm/join?code=${code}`;
}

/** 16 bytes as 26 characters, most significant first. */
export function toBase32(bytes: Uint8Array): string {
  let bits = BigInt(`0x${Buffer.from(bytes).toString('hex')}`) << 2n;
  let text = '';
  for (let i = 0; i < ROOM_CODE_LENGTH; i++) {
    text = ALPHABET[Number(bits & 31n)]! + text;
    bits >>= 5n;
  }
  return text;
}

function fromBase32(text: string): Buffer {
  let bits = 0n;
  for (const letter of text) bits = (bits << 5n) | BigInt(ALPHABET.indexOf(letter));
  return Buffer.from(
    (bits >> 2n)
      .toString(16)
      .padStart(ROOM_SECRET_BYTES * 2, '0')
      .slice(-ROOM_SECRET_BYTES * 2),
    'hex',
  );
}

function checkOf(body: string): Buffer {
  return createHash('sha256').update('lora-swarm/room-code/1\n').update(body).digest();
}

function checkText(hash: Uint8Array): string {
  return ALPHABET[hash[0]! & 31]! + ALPHABET[hash[1]! & 31]!;
}

function codeInvalid(): LoraSwarmError {
  return new LoraSwarmError(
    'ROOM_CODE_INVALID',
    'This is not a room code. A code has 28 letters and digits, such as the one behind "Copy Invite". Check for a missing or mistyped character.',
  );
}
