import { createHash } from 'node:crypto';
import { sign, verify, type KeyPair } from 'hypercore-crypto';
import { MAX_LIST_PARTS, MAX_PART_BYTES, MAX_PART_ENTRIES } from '../../limits';
import { wireSize, type WireRelease } from '../messages';

const DOMAIN = Buffer.from('lora-swarm/rumour/1\n');

/** Which part of whose list, and of which age. */
export interface RumourName {
  /** Public key of who offers, 32 bytes. */
  readonly origin: Uint8Array;
  /** Grows with each list of this origin, over its restarts too: milliseconds of its clock. Compared with its own only. */
  readonly seq: number;
  /** From 0. */
  readonly part: number;
  readonly parts: number;
}

/** A part of what one peer offers in an open room, in its own signed words, as others pass it on. */
export interface Rumour extends RumourName {
  readonly entries: readonly WireRelease[];
  /** Ed25519 of the origin over `rumourPayload`. */
  readonly signature: Uint8Array;
}

/**
 * Cuts a list into signed parts. There is at least one: an empty list is told too.
 *
 * @param room 32 bytes that name the room, so that nothing said in one is believed in another.
 */
export function makeRumours(room: Uint8Array, keys: KeyPair, seq: number, list: readonly WireRelease[]): Rumour[] {
  const pages = paginate(list).slice(0, MAX_LIST_PARTS);
  return pages.map((entries, part) => {
    const unsigned = { origin: keys.publicKey, seq, part, parts: pages.length, entries };
    return { ...unsigned, signature: sign(rumourPayload(room, unsigned), keys.secretKey) };
  });
}

/** Whether the origin said so, in this room. */
export function isGenuine(room: Uint8Array, rumour: Rumour): boolean {
  return verify(rumourPayload(room, rumour), rumour.signature, rumour.origin);
}

/** What is signed: a label, the room, the name of the part, and SHA-256 over the entries with their lengths. */
function rumourPayload(room: Uint8Array, { origin, seq, part, parts, entries }: Omit<Rumour, 'signature'>): Buffer {
  const numbers = Buffer.alloc(10);
  numbers.writeBigUInt64LE(BigInt(seq));
  numbers.writeUInt8(part, 8);
  numbers.writeUInt8(parts, 9);
  const hash = createHash('sha256');
  for (const { authorKey, signature, payload } of entries) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(payload.byteLength);
    hash.update(authorKey).update(signature).update(length).update(payload);
  }
  return Buffer.concat([DOMAIN, room, origin, numbers, hash.digest()]);
}

function paginate(list: readonly WireRelease[]): WireRelease[][] {
  const pages: WireRelease[][] = [[]];
  let bytes = 0;
  for (const entry of list) {
    const size = wireSize(entry);
    const page = pages.at(-1)!;
    if (page.length < MAX_PART_ENTRIES && bytes + size <= MAX_PART_BYTES) {
      page.push(entry);
      bytes += size;
    } else {
      pages.push([entry]);
      bytes = size;
    }
  }
  return pages;
}
