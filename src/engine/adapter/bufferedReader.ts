import type { FileHandle } from 'node:fs/promises';

const BUFFER_BYTES = 256 * 1024;

/** Reads a header front to back in large pieces. `onEnd` throws; it is called when more is asked than there is. */
export class BufferedReader {
  #buffer = Buffer.alloc(0);
  #at = 0;
  #bufferStart = 0;

  constructor(
    private readonly handle: FileHandle,
    private readonly limit: number,
    private readonly onEnd: () => never,
  ) {}

  get position(): number {
    return this.#bufferStart + this.#at;
  }

  /** The bytes are only good until the next read. */
  async bytes(length: number): Promise<Buffer> {
    if (this.#buffer.length - this.#at < length) await this.#fill(length);
    this.#at += length;
    return this.#buffer.subarray(this.#at - length, this.#at);
  }

  async uint32(): Promise<number> {
    return (await this.bytes(4)).readUInt32LE();
  }

  /** Numbers that JavaScript cannot hold become infinite, which every limit refuses. */
  async uint64(): Promise<number> {
    return toNumber(await this.bytes(8));
  }

  /** Like `uint64`, when the bytes are here already. */
  uint64Now(): number | undefined {
    if (this.#buffer.length - this.#at < 8) return undefined;
    this.#at += 8;
    return toNumber(this.#buffer.subarray(this.#at - 8, this.#at));
  }

  skip(length: number): void {
    const target = this.position + length;
    if (target > this.limit) this.onEnd();
    if (this.#buffer.length - this.#at >= length) {
      this.#at += length;
      return;
    }
    this.#buffer = Buffer.alloc(0);
    this.#bufferStart = target;
    this.#at = 0;
  }

  async #fill(length: number): Promise<void> {
    const start = this.position;
    if (start + length > this.limit) this.onEnd();
    const buffer = Buffer.allocUnsafe(Math.min(Math.max(length, BUFFER_BYTES), this.limit - start));
    let done = 0;
    while (done < buffer.length) {
      const { bytesRead } = await this.handle.read(buffer, done, buffer.length - done, start + done);
      if (bytesRead === 0) this.onEnd();
      done += bytesRead;
    }
    this.#buffer = buffer;
    this.#bufferStart = start;
    this.#at = 0;
  }
}

function toNumber(bytes: Buffer): number {
  const high = bytes.readUInt32LE(4);
  return high > 0x1fffff ? Infinity : high * 2 ** 32 + bytes.readUInt32LE(0);
}
