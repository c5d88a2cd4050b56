/** Which chunks are held. One bit a chunk, chunk 0 is the lowest bit of byte 0. */
export class Bitfield {
  readonly bytes: Uint8Array;
  #count: number;

  /** @param bytes taken over, not copied; bits past `size` are cleared. */
  constructor(
    readonly size: number,
    bytes?: Uint8Array,
  ) {
    const length = Math.ceil(size / 8);
    if (bytes !== undefined && bytes.byteLength !== length)
      throw new RangeError(`bitfield of ${size} has ${bytes.byteLength} bytes`);
    this.bytes = bytes ?? new Uint8Array(length);
    if (size % 8 !== 0) this.bytes[length - 1]! &= (1 << (size % 8)) - 1;
    this.#count = this.bytes.reduce((sum, byte) => sum + bitsSet(byte), 0);
  }

  static full(size: number): Bitfield {
    return new Bitfield(size, new Uint8Array(Math.ceil(size / 8)).fill(0xff));
  }

  /** How many are set. */
  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.size;
  }

  has(index: number): boolean {
    return index >= 0 && index < this.size && (this.bytes[index >> 3]! & (1 << (index & 7))) !== 0;
  }

  /** @returns whether the bit changed. */
  set(index: number, value = true): boolean {
    if (index < 0 || index >= this.size) throw new RangeError(`chunk ${index} of ${this.size}`);
    if (this.has(index) === value) return false;
    this.bytes[index >> 3]! ^= 1 << (index & 7);
    this.#count += value ? 1 : -1;
    return true;
  }

  copy(): Bitfield {
    return new Bitfield(this.size, this.bytes.slice());
  }
}

function bitsSet(byte: number): number {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}
