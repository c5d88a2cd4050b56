import { KERNEL_CODE } from './kernelCode';

/** What `assembly/kernel.ts` exports. Numbers are places in its memory, or counts of values. */
interface KernelCalls {
  readonly memory: WebAssembly.Memory;
  fromF16(source: number, target: number, count: number): void;
  toF16(source: number, target: number, count: number): void;
  fromBf16(source: number, target: number, count: number): void;
  toBf16(source: number, target: number, count: number): void;
  fromQ8(source: number, target: number, count: number): void;
  toQ8(source: number, target: number, count: number): void;
  largestBits(source: number, count: number): number;
  packColumns(a: number, packed: number, rank: number, width: number): void;
  addLowRank(values: number, rows: number, width: number, packed: number, b: number, rank: number): void;
  scaleRow(row: number, width: number, length: number): void;
}

const PAGE_BYTES = 65_536;
/** The kernel works in steps of vectors, and may go this far beyond the end of a buffer. */
const SLACK_BYTES = 64;

/** The compiled arithmetic of a merge with its memory, in which buffers are laid out one behind the other. */
export class Kernel {
  readonly calls: KernelCalls;
  #end = 0;

  constructor() {
    const module = new WebAssembly.Module(Buffer.from(KERNEL_CODE, 'base64'));
    this.calls = new WebAssembly.Instance(module).exports as unknown as KernelCalls;
  }

  /** Where the next buffer will be. */
  get mark(): number {
    return this.#end;
  }

  /** Gives up all buffers from a mark on. */
  release(mark: number): void {
    this.#end = mark;
  }

  /** A new buffer. The memory may move: views of older ones end here. */
  take(bytes: number): number {
    const at = this.#end;
    this.#end = Math.ceil((at + bytes + SLACK_BYTES) / SLACK_BYTES) * SLACK_BYTES;
    const missing = this.#end - this.calls.memory.buffer.byteLength;
    if (missing > 0) this.calls.memory.grow(Math.ceil(missing / PAGE_BYTES));
    return at;
  }

  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.calls.memory.buffer, at, length);
  }

  floats(at: number, count: number): Float32Array {
    return new Float32Array(this.calls.memory.buffer, at, count);
  }
}
