import { MAX_REQUEST_CHUNKS } from '../limits';
import { type ChunkRange } from '../net/transferMessages';

interface OpenRequest extends ChunkRange {
  readonly sentAt: number;
  /** A bit for each chunk that has not come: the first 32, and the rest. */
  low: number;
  high: number;
}

/** What one source was asked for and has not answered. A few bits for each request, however long it is. */
export class OpenRequests {
  #requests: OpenRequest[] = [];
  #chunks = 0;

  /** Requests of which something is open. */
  get count(): number {
    return this.#requests.length;
  }

  /** Chunks that have not come. */
  get chunks(): number {
    return this.#chunks;
  }

  add({ first, count }: ChunkRange, now: number): void {
    if (count < 1 || count > MAX_REQUEST_CHUNKS) throw new RangeError(`a request for ${count} chunks`);
    this.#requests.push({ first, count, sentAt: now, low: bits(0, count), high: bits(32, count) });
    this.#chunks += count;
  }

  /** When the request for this chunk was sent, if nothing of it has come. */
  sentAt(chunk: number): number | undefined {
    const request = this.#requests.find(({ first, count }) => first <= chunk && chunk < first + count);
    if (!request) return undefined;
    const isWhole = request.low === bits(0, request.count) && request.high === bits(32, request.count);
    return isWhole ? request.sentAt : undefined;
  }

  /** These chunks came or will not come. @returns how many of them were open. */
  settle({ first, count }: ChunkRange): number {
    let settled = 0;
    let isDone = false;
    for (const request of this.#requests) {
      const from = Math.max(first, request.first) - request.first;
      const to = Math.min(first + count, request.first + request.count) - request.first;
      if (from >= to) continue;
      const low = request.low & bits(0, to) & ~bits(0, from);
      const high = request.high & bits(32, to) & ~bits(32, from);
      request.low ^= low;
      request.high ^= high;
      settled += ones(low) + ones(high);
      isDone ||= request.low === 0 && request.high === 0;
    }
    if (isDone) this.#requests = this.#requests.filter(({ low, high }) => low !== 0 || high !== 0);
    this.#chunks -= settled;
    return settled;
  }

  /** All that is open, in the order of asking. */
  ranges(): ChunkRange[] {
    const ranges: { first: number; count: number }[] = [];
    for (const { first, count, low, high } of this.#requests) {
      let run: { first: number; count: number } | undefined;
      for (let i = 0; i < count; i++) {
        const isOpen = ((i < 32 ? low >>> i : high >>> (i - 32)) & 1) === 1;
        if (!isOpen) run = undefined;
        else if (run) run.count++;
        else ranges.push((run = { first: first + i, count: 1 }));
      }
    }
    return ranges;
  }
}

/** The lowest bits of the half that begins at chunk `from`, up to chunk `end`. */
function bits(from: number, end: number): number {
  const count = Math.min(32, end - from);
  return count <= 0 ? 0 : count === 32 ? -1 : (1 << count) - 1;
}

function ones(value: number): number {
  let count = 0;
  for (let rest = value; rest !== 0; rest &= rest - 1) count++;
  return count;
}
