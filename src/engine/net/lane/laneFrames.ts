import c, { type State } from 'compact-encoding';
import { LoraSwarmError } from '../../errors';
import { DATA_HEADER_BYTES, MAX_CONTROL_BYTES, MAX_FRAME_BYTES } from '../../limits';
import { TRANSFER_CODECS, type DataMessage, type TransferMessage } from '../transferMessages';

// On the lane a message is its length (of what follows the length), its place among all messages of this side, its number,
// and its fields as everywhere. Length and place are 4 bytes, little-endian.

const LENGTH_BYTES = 4;
const NUMBER_AT = LENGTH_BYTES + 4;
const HEAD_BYTES = NUMBER_AT + 1;
const AFTER_LENGTH_BYTES = HEAD_BYTES - LENGTH_BYTES;
const DATA = TRANSFER_CODECS.findIndex(({ type }) => type === 'data');
const NUMBERS = new Map(TRANSFER_CODECS.map(({ type }, number) => [type, number]));
/** Enough for all but chunks and long lists. */
const SMALL_BYTES = 16_384;
const LARGE_BYTES = HEAD_BYTES + MAX_FRAME_BYTES + DATA_HEADER_BYTES;

/** A message as bytes, its place still 0. */
export function encodeLaneMessage(message: TransferMessage): Buffer {
  const number = NUMBERS.get(message.type)!;
  const { encoding } = TRANSFER_CODECS[number]!;
  const size: State = { start: 0, end: 0, buffer: null };
  encoding.preencode(size, message);
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + size.end);
  writeHead(bytes, size.end, number);
  encoding.encode({ start: HEAD_BYTES, end: bytes.byteLength, buffer: bytes }, message);
  return bytes;
}

/** What stands before the chunks of a `data` message, so that they can be written from where they are. */
export function encodeDataHead({ handle, first, bytes }: DataMessage): Buffer {
  const fields = [handle, first, bytes.byteLength]; // A byte string is its length and then its bytes.
  const size: State = { start: 0, end: 0, buffer: null };
  for (const field of fields) c.uint.preencode(size, field);
  const head = Buffer.allocUnsafe(HEAD_BYTES + size.end);
  writeHead(head, size.end + bytes.byteLength, DATA);
  const state: State = { start: HEAD_BYTES, end: head.byteLength, buffer: head };
  for (const field of fields) c.uint.encode(state, field);
  return head;
}

/** @param place of the message among all that this side sends, from 0. */
export function setPlace(bytes: Buffer, place: number): void {
  bytes.writeUInt32LE(place, LENGTH_BYTES);
}

function writeHead(bytes: Buffer, fieldBytes: number, number: number): void {
  bytes.writeUInt32LE(AFTER_LENGTH_BYTES + fieldBytes, 0);
  bytes.writeUInt32LE(0, LENGTH_BYTES);
  bytes.writeUInt8(number, NUMBER_AT);
}

/**
 * Puts messages together from what the socket gives. Chunks are copied once, into one buffer that is used again: what a
 * message holds is valid only while it is handed out. A number of a later version is handed out as undefined.
 */
export class LaneReader {
  #frame = Buffer.allocUnsafeSlow(SMALL_BYTES);
  #have = 0;
  #need = HEAD_BYTES;

  constructor(private readonly onMessage: (place: number, message: TransferMessage | undefined) => void) {}

  /** @throws {LoraSwarmError} `MESSAGE_INVALID` for what no honest peer sends. @throws what the listener throws. */
  take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength;) {
      const size = Math.min(bytes.byteLength - at, this.#need - this.#have);
      this.#frame.set(bytes.subarray(at, at + size), this.#have);
      this.#have += size;
      at += size;
      if (this.#have < this.#need) return;
      if (this.#need === HEAD_BYTES) this.#begin();
      if (this.#have === this.#need) this.#end();
    }
  }

  #begin(): void {
    const length = this.#frame.readUInt32LE(0);
    const number = this.#frame.readUInt8(NUMBER_AT);
    const limit = number === DATA ? MAX_FRAME_BYTES + DATA_HEADER_BYTES : MAX_CONTROL_BYTES;
    if (length < AFTER_LENGTH_BYTES || length - AFTER_LENGTH_BYTES > limit)
      throw new LoraSwarmError('MESSAGE_INVALID', 'A peer sent a damaged message (lane length).');
    this.#need = LENGTH_BYTES + length;
    if (this.#need <= this.#frame.byteLength) return;
    const larger = Buffer.allocUnsafeSlow(LARGE_BYTES);
    this.#frame.copy(larger, 0, 0, this.#have);
    this.#frame = larger;
  }

  #end(): void {
    const place = this.#frame.readUInt32LE(LENGTH_BYTES);
    const codec = TRANSFER_CODECS[this.#frame.readUInt8(NUMBER_AT)];
    const end = this.#need;
    this.#have = 0;
    this.#need = HEAD_BYTES;
    this.onMessage(place, codec?.encoding.decode({ start: HEAD_BYTES, end, buffer: this.#frame }));
  }
}
