import { createHmac, randomBytes, randomInt } from 'node:crypto';
import type { RoomKeys } from '../roomKeys';

const OPEN_MAGIC = Buffer.from('LSB\x01', 'latin1');
const SEALED_MAGIC = Buffer.from('LSB\x02', 'latin1');
const MAGIC_BYTES = 4;
const KEY_BYTES = 32;
const PORT_BYTES = 2;
const NONCE_BYTES = 16;
const TAG_BYTES = 16;
const ENTRY_BYTES = TAG_BYTES + KEY_BYTES;
/** Always so many, so that their number tells nothing; together they still fit one datagram of the smallest MTU. */
export const SEALED_ENTRIES = 16;
const OPEN_BYTES = MAGIC_BYTES + KEY_BYTES + PORT_BYTES;
const SEALED_BYTES = MAGIC_BYTES + NONCE_BYTES + PORT_BYTES + SEALED_ENTRIES * ENTRY_BYTES;
const SEAL_LABEL = 'lora-swarm/beacon/1\n';

/** For the room of the local network: whoever hears it knows the key. */
export interface OpenBeacon {
  readonly kind: 'open';
  /** 32 bytes. */
  readonly key: Buffer;
  readonly port: number;
}

/** For private rooms: only who knows the secret of one of them finds a key in it. */
export interface SealedBeacon {
  readonly kind: 'sealed';
  /** 16 bytes, another for each packet. */
  readonly nonce: Buffer;
  readonly port: number;
  readonly entries: readonly Buffer[];
}

/** What one sealed entry is made for. */
export interface SealPlace {
  /** 16 bytes. */
  readonly nonce: Uint8Array;
  /** IPv4 address that the packet is sent from: repeated from elsewhere, it opens for nobody. */
  readonly address: string;
  readonly port: number;
}

export function writeOpenBeacon(key: Uint8Array, port: number): Buffer {
  return Buffer.concat([OPEN_MAGIC, key, portBytes(port)]);
}

/** @param rooms at most `SEALED_ENTRIES`; what is free is filled with noise that looks the same. */
export function writeSealedBeacon(key: Uint8Array, place: SealPlace, rooms: readonly RoomKeys[]): Buffer {
  const entries = rooms.slice(0, SEALED_ENTRIES).map((room) => seal(room, key, place));
  // In any order among the noise, so that a place tells nothing either.
  while (entries.length < SEALED_ENTRIES) entries.push(randomBytes(ENTRY_BYTES));
  for (let i = entries.length - 1; i > 0; i--) {
    const j = randomInt(i + 1);
    [entries[i], entries[j]] = [entries[j]!, entries[i]!];
  }
  return Buffer.concat([SEALED_MAGIC, place.nonce, portBytes(place.port), ...entries]);
}

/** @returns undefined for what is no beacon. */
export function readBeacon(packet: Buffer): OpenBeacon | SealedBeacon | undefined {
  const magic = packet.subarray(0, MAGIC_BYTES);
  if (packet.length === OPEN_BYTES && magic.equals(OPEN_MAGIC)) {
    const port = packet.readUInt16BE(MAGIC_BYTES + KEY_BYTES);
    const key = Buffer.from(packet.subarray(MAGIC_BYTES, MAGIC_BYTES + KEY_BYTES));
    return port === 0 ? undefined : { kind: 'open', key, port };
  }
  if (packet.length === SEALED_BYTES && magic.equals(SEALED_MAGIC)) {
    const port = packet.readUInt16BE(MAGIC_BYTES + NONCE_BYTES);
    const nonce = Buffer.from(packet.subarray(MAGIC_BYTES, MAGIC_BYTES + NONCE_BYTES));
    const first = MAGIC_BYTES + NONCE_BYTES + PORT_BYTES;
    const entries = Array.from({ length: SEALED_ENTRIES }, (_, i) =>
      Buffer.from(packet.subarray(first + i * ENTRY_BYTES, first + (i + 1) * ENTRY_BYTES)),
    );
    return port === 0 ? undefined : { kind: 'sealed', nonce, port, entries };
  }
  return undefined;
}

/** The sender's key, when it is in this room. A changed entry gives a key that nobody there has. */
export function unseal(beacon: SealedBeacon, address: string, room: RoomKeys): Buffer | undefined {
  const { tag, mask } = sealOf(room, { nonce: beacon.nonce, address, port: beacon.port });
  const entry = beacon.entries.find((each) => each.subarray(0, TAG_BYTES).equals(tag));
  return entry && xor(entry.subarray(TAG_BYTES), mask);
}

/** 16 bytes by which members know the entry, then the key under a mask that only they can make. */
export function seal(room: RoomKeys, key: Uint8Array, place: SealPlace): Buffer {
  const { tag, mask } = sealOf(room, place);
  return Buffer.concat([tag, xor(key, mask)]);
}

function sealOf(room: RoomKeys, { nonce, address, port }: SealPlace): { tag: Buffer; mask: Buffer } {
  const bytes = createHmac('sha512', room.auth)
    .update(SEAL_LABEL)
    .update(nonce)
    .update(Buffer.from(address.split('.').map(Number)))
    .update(portBytes(port))
    .digest();
  return { tag: bytes.subarray(0, TAG_BYTES), mask: bytes.subarray(TAG_BYTES, TAG_BYTES + KEY_BYTES) };
}

function portBytes(port: number): Buffer {
  const bytes = Buffer.alloc(PORT_BYTES);
  bytes.writeUInt16BE(port);
  return bytes;
}

function xor(a: Uint8Array, b: Uint8Array): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ b[i]!));
}
