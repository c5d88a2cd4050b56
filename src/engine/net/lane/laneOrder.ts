import { LoraSwarmError } from '../../errors';
import type { TransferMessage } from '../transferMessages';

/** An honest peer is ahead on one connection by what fits into the buffers of the others. */
const MAX_EARLY = 1_024;
const MAX_EARLY_BYTES = 48 * 1024 ** 2;

/** Hands out the messages of several connections in the order in which they were sent. */
export class LaneOrder {
  /** Undefined: a message that is skipped. */
  readonly #early = new Map<number, TransferMessage | undefined>();
  #next = 0;
  #earlyBytes = 0;

  constructor(private readonly deliver: (message: TransferMessage) => void) {}

  /** @throws {LoraSwarmError} `MESSAGE_INVALID` for a place that was there, or is too far ahead. */
  take(place: number, message: TransferMessage | undefined): void {
    if (place !== this.#next) {
      this.#keep(place, message);
      return;
    }
    this.#hand(message);
    while (this.#early.has(this.#next)) {
      const waiting = this.#early.get(this.#next);
      this.#early.delete(this.#next);
      if (waiting?.type === 'data') this.#earlyBytes -= waiting.bytes.byteLength;
      this.#hand(waiting);
    }
  }

  #hand(message: TransferMessage | undefined): void {
    this.#next = (this.#next + 1) >>> 0;
    if (message) this.deliver(message);
  }

  #keep(place: number, message: TransferMessage | undefined): void {
    const ahead = (place - this.#next) >>> 0;
    const bytes = message?.type === 'data' ? message.bytes.byteLength : 0;
    this.#earlyBytes += bytes;
    if (ahead > MAX_EARLY || this.#early.has(place) || this.#earlyBytes > MAX_EARLY_BYTES)
      throw new LoraSwarmError('MESSAGE_INVALID', 'A peer sent messages in no order (lane).');
    // Its bytes are those of a buffer that is used again.
    this.#early.set(place, message?.type === 'data' ? { ...message, bytes: Uint8Array.from(message.bytes) } : message);
  }
}
