import { createHash } from 'node:crypto';
import { toBase32 } from '../roomCode';

const GROUP = 4;
const GROUPS = 5;

/**
 * A key as people compare it, on the phone or side by side: five groups of four characters, `7K2M-9QXA-…`.
 *
 * 100 bits of a hash: 2^100 keys have to be made for one that looks like another, 2^50 for two that look the same, which is of no use
 * to anybody. Crockford's base32 has no letters that are mistaken for each other.
 */
export function comparableFingerprint(key: Uint8Array): string {
  const hash = createHash('sha256').update('lora-swarm/fingerprint/1\n').update(key).digest();
  const text = toBase32(hash.subarray(0, 16)).slice(0, GROUP * GROUPS);
  return text.replace(/(.{4})(?=.)/g, '$1-');
}
