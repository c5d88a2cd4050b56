import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { LoraSwarmError } from '../../errors';
import { writeFully } from '../../adapter/fileBytes';

/** What is to come: nothing else is taken. */
export interface WantedBlob {
  /** `sha256:<hex>` */
  readonly digest: string;
  readonly bytes: number;
}

/**
 * A blob on its way from Ollama into a file. Parts come in order, are hashed as they come, and never go past the size.
 *
 * Ollama sends a part that broke off once more, so the hash goes back to where the part began.
 */
export class BlobReceiver {
  readonly #hash: { at: number; value: Hash } = { at: 0, value: createHash('sha256') };
  #isBusy = false;
  #isDone = false;

  /**
   * @param handle open for writing, empty. Stays the caller's.
   * @param fail told what makes a whole blob impossible; more requests of Ollama would not help then.
   */
  constructor(
    readonly wanted: WantedBlob,
    private readonly handle: FileHandle,
    private readonly fail: (error: unknown) => void,
    private readonly onProgress: (bytesDone: number) => void = () => undefined,
  ) {}

  /** Whether all bytes are written and are what the digest says. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Takes the body of one `PATCH`. @returns the status to answer. */
  async takePart(request: IncomingMessage): Promise<number> {
    const range = rangeOf(request.headers['content-range']);
    const { at } = this.#hash;
    if (this.#isBusy) return 409; // The part that broke off is still being put away. Ollama tries again in a second.
    if (this.#isDone || range?.start !== at || range.end > this.wanted.bytes) {
      this.fail(unexpected('Ollama sent another part of the model than was asked for. Try again.'));
      return 416;
    }
    this.#isBusy = true;
    const hash = this.#hash.value.copy();
    try {
      const end = await this.#write(request, at, range.end, hash);
      if (end !== range.end) return 400;
      Object.assign(this.#hash, { at: end, value: hash });
      return 202;
    } finally {
      this.#isBusy = false;
    }
  }

  /** Answers the `PUT` that ends an upload. */
  finish(digest: string | null): number {
    if (digest !== this.wanted.digest || this.#isBusy) return 400;
    const { at, value } = this.#hash;
    if (at === this.wanted.bytes && `sha256:${value.copy().digest('hex')}` === digest) {
      this.#isDone = true;
      return 201;
    }
    this.fail(unexpected('What Ollama keeps of this model is not what its digest says. Pull or make the model again.'));
    return 400;
  }

  /** @returns where it stopped: at the end of the part, or earlier when the connection broke. */
  async #write(request: IncomingMessage, start: number, end: number, hash: Hash): Promise<number> {
    let at = start;
    try {
      for await (const part of request) {
        const bytes = part as Buffer;
        if (at + bytes.byteLength > end) return -1;
        hash.update(bytes);
        await writeFully(this.handle, at, bytes).catch((error: unknown) => {
          this.fail(error);
          throw error;
        });
        at += bytes.byteLength;
        this.onProgress(at);
      }
    } catch {
      return -1; // The other side went away, or `fail` has the reason.
    }
    return at;
  }
}

function unexpected(message: string): LoraSwarmError {
  return new LoraSwarmError('OLLAMA_FAILED', message, { kind: 'retry' });
}

/** `START-END`, both included, with or without the unit before it. `end` is given as the first byte after. */
function rangeOf(header: string | undefined): { start: number; end: number } | undefined {
  const [, start, end] = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/.*)?$/.exec(header ?? '') ?? [];
  if (start === undefined || end === undefined) return undefined;
  return { start: Number(start), end: Number(end) + 1 };
}
