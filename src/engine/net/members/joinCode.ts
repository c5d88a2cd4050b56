import { createHash, randomBytes } from 'node:crypto';
import { LoraSwarmError } from '../../errors';
import { formatBase32, parseBase32 } from '../roomCode';
import { deriveKeys, type RoomKeys } from '../roomKeys';

/** Starts every one-time code, so that nobody takes it for the code of a room. O reads as zero in the rest of a code. */
const PREFIX = 'ONCE';
const SALT = 'lora-swarm/once/1';
export const DEFAULT_HOURS = 24;
/** A week: an inviting machine announces a topic of its own for each open code. */
export const MAX_HOURS = 168;

/** 128 random bits. They say nothing of the room: the inviting engine knows which one they are for. */
export function makeJoinSecret(): Buffer {
  return randomBytes(16);
}

/** `ONCE-ABCD-…`: the prefix, 26 characters of the secret and 2 that check them. */
export function formatJoinCode(secret: Uint8Array): string {
  return `${PREFIX}-${formatBase32(secret, checkOf)}`;
}

/** Whether this is meant as a one-time code, right or mistyped. */
export function isJoinCode(text: string): boolean {
  return /^\s*[O0]NCE/i.test(text);
}

/** @throws {LoraSwarmError} `ROOM_CODE_INVALID` for anything that `formatJoinCode` did not write, up to case, hyphens and look-alikes. */
export function parseJoinCode(text: string): Buffer {
  const secret = isJoinCode(text) ? parseBase32(text.trim().slice(PREFIX.length), checkOf) : undefined;
  if (secret) return secret;
  throw new LoraSwarmError(
    'ROOM_CODE_INVALID',
    'This is not a one-time code. It has ONCE and 28 letters and digits. Check for a missing or mistyped character.',
  );
}

/** Where inviter and guest meet, and how each proves to the other that it has the code. */
export function joinKeys(secret: Uint8Array): RoomKeys {
  return deriveKeys(secret, SALT);
}

function checkOf(body: string): Buffer {
  return createHash('sha256').update('lora-swarm/once-code/1\n').update(body).digest();
}
