import { CHUNK_BYTES, MAX_FRAME_CHUNKS, MAX_QUEUED_OF_PEER } from '../limits';
import { type ChunkRange } from '../net/transferMessages';
import { runsWhere } from './dataRange';
import type { Share } from './share';

/** The hashes of a group are 2 KiB; a manifest is more, once. */
const FACT_BYTES = 4_096;

interface JobFor {
  readonly handle: number;
  readonly share: Share;
}
export type ManifestJob = JobFor & { readonly kind: 'manifest' };
export type HashesJob = JobFor & { readonly kind: 'hashes'; readonly group: number };
export type ChunksJob = JobFor & { readonly kind: 'chunks'; readonly range: ChunkRange };
/** What one message to a peer is made of. Only numbers until its turn comes. */
export type Job = ManifestJob | HashesJob | ChunksJob;

/** What a peer asked for and has not got. Manifest and hashes go before chunks. */
export class UploadQueue {
  #facts: (ManifestJob | HashesJob)[] = [];
  #chunks: ChunksJob[] = [];
  readonly #taken = new Set<Job>();

  /** Requests for chunks. */
  get requests(): number {
    return this.#chunks.length;
  }

  /** Taken, and on the way from here to the connection. */
  get taken(): number {
    return this.#taken.size;
  }

  get isEmpty(): boolean {
    return this.#facts.length + this.#chunks.length === 0;
  }

  /** @returns false when too many wait. What waits already is not added twice. */
  addFact(job: ManifestJob | HashesJob): boolean {
    if (this.#facts.some((other) => isSameFact(other, job))) return true;
    if (this.#facts.length >= MAX_QUEUED_OF_PEER) return false;
    this.#facts.push(job);
    return true;
  }

  /** @returns false when too many wait. */
  addChunks(job: ChunksJob): boolean {
    if (this.#chunks.length >= MAX_QUEUED_OF_PEER) return false;
    this.#chunks.push(job);
    return true;
  }

  /** Whether it waits, or was taken and has not gone out. */
  hasChunk(handle: number, chunk: number): boolean {
    const isThis = ({ handle: other, range }: ChunksJob) =>
      other === handle && range.first <= chunk && chunk < range.first + range.count;
    return this.#chunks.some(isThis) || [...this.#taken].some((job) => job.kind === 'chunks' && isThis(job));
  }

  cancel(handle: number, { first, count }: ChunkRange): void {
    this.#chunks = this.#chunks.flatMap((job) => {
      if (job.handle !== handle) return [job];
      const kept = runsWhere(job.range, (chunk) => chunk < first || chunk >= first + count);
      return kept.map((range) => ({ ...job, range }));
    });
  }

  /** Whether a package has something waiting, or on its way. */
  isBusyWith(share: Share): boolean {
    return [...this.#facts, ...this.#chunks, ...this.#taken].some((job) => job.share === share);
  }

  /** The share of what is taken next. */
  get nextShare(): Share | undefined {
    return (this.#facts[0] ?? this.#chunks[0])?.share;
  }

  /** Takes all requests for chunks out. */
  takeRequests(): readonly ChunksJob[] {
    return this.#chunks.splice(0);
  }

  dropHandle(handle: number): void {
    this.#facts = this.#facts.filter((job) => job.handle !== handle);
    this.#chunks = this.#chunks.filter((job) => job.handle !== handle);
  }

  /** Bytes that `take` would give. Of what is no chunk, about. */
  nextBytes(frameBytes: number): number {
    const [job] = this.#chunks;
    if (this.#facts.length > 0 || !job) return FACT_BYTES;
    return job.share.reader.map.bytes(job.range.first, chunksOfFrame(job, frameBytes));
  }

  /** Takes what goes out next: of a request, as many chunks as fill a frame and lie in one file. Ends with `sent`. */
  take(frameBytes: number): Job | undefined {
    const first = this.#facts.shift() ?? this.#chunks.shift();
    const job = first?.kind === 'chunks' ? this.#firstFrame(first, frameBytes) : first;
    if (job) this.#taken.add(job);
    return job;
  }

  /** It has gone out, or will not. */
  sent(job: Job): void {
    this.#taken.delete(job);
  }

  #firstFrame(job: ChunksJob, frameBytes: number): ChunksJob {
    const { first, count } = job.range;
    const size = chunksOfFrame(job, frameBytes);
    if (size < count) this.#chunks.unshift({ ...job, range: { first: first + size, count: count - size } });
    return { ...job, range: { first, count: size } };
  }
}

function chunksOfFrame({ share, range: { first, count } }: ChunksJob, frameBytes: number): number {
  const { map } = share.reader;
  const { file } = map.chunk(first);
  const max = Math.min(count, MAX_FRAME_CHUNKS, Math.max(1, Math.floor(frameBytes / CHUNK_BYTES)));
  let size = 1;
  while (size < max && map.chunk(first + size).file === file) size++;
  return size;
}

function isSameFact(a: ManifestJob | HashesJob, b: ManifestJob | HashesJob): boolean {
  if (a.handle !== b.handle) return false;
  return a.kind === 'hashes' ? b.kind === 'hashes' && a.group === b.group : b.kind === 'manifest';
}
