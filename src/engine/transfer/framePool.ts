import { CHUNK_BYTES, MAX_FRAME_BYTES } from '../limits';

/** Of all frames that wait for their next use. Two for each of the peers that are served at once, as a rule. */
const MAX_KEPT_BYTES = 8 * MAX_FRAME_BYTES;

/** Memory for one frame. */
export interface Frame {
  /** As long as was asked for, or up to twice that. */
  readonly memory: Buffer;
  /** It may be used for the next one. Only when nobody reads it or writes to it any more; more than once is fine. */
  readonly release: () => void;
}

/**
 * Memory that frames are read into, used again and again: new memory costs the system more than the reading itself, and
 * the engine's collector runs for every few frames. A frame that is not given back is collected like anything else.
 */
export class FramePool {
  readonly #free = new Map<number, Buffer[]>();
  #keptBytes = 0;

  /** Bytes that wait for their next use. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  take(length: number): Frame {
    let size = CHUNK_BYTES;
    while (size < length) size *= 2;
    const kept = this.#free.get(size)?.pop();
    if (kept) this.#keptBytes -= size;
    const memory = kept ?? Buffer.allocUnsafeSlow(size);
    let isOut = true;
    return {
      memory,
      release: () => {
        if (isOut) this.#keep(memory);
        isOut = false;
      },
    };
  }

  /** Lets go of what waits. */
  clear(): void {
    this.#free.clear();
    this.#keptBytes = 0;
  }

  #keep(memory: Buffer): void {
    if (this.#keptBytes + memory.byteLength > MAX_KEPT_BYTES) return;
    this.#keptBytes += memory.byteLength;
    const same = this.#free.get(memory.byteLength);
    if (same) same.push(memory);
    else this.#free.set(memory.byteLength, [memory]);
  }
}
