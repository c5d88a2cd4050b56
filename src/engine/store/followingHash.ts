import path from 'node:path';
import { Worker } from 'node:worker_threads';

/** What the thread is told of a file, by a number that is used once. */
export type HashOrder =
  | { readonly file: number; readonly type: 'open'; readonly path: string }
  /** Everything before this place is written. `isLast`: that is all. */
  | { readonly file: number; readonly type: 'upTo'; readonly upTo: number; readonly isLast: boolean }
  | { readonly file: number; readonly type: 'close' };

export type HashAnswer =
  | { readonly file: number; readonly type: 'digest'; readonly digest: Uint8Array }
  | { readonly file: number; readonly type: 'failed'; readonly reason: string }
  | { readonly file: number; readonly type: 'closed' };

/** Beside this file when it runs from its sources, and beside the bundle that this file is part of. */
const THREAD = path.join(__dirname, `hashThread${path.extname(__filename)}`);
/** An order for each frame would cost more than it hastens. */
const STEP_BYTES = 1024 ** 2;
/** Small files are hashed when they are whole: that takes a few milliseconds, as the start of a thread does. */
const MIN_BYTES = 16 * 1024 ** 2;

/**
 * Hashes whole files while they are written, in a thread of its own that reads them behind whoever writes. A second hash over
 * each byte would take a third of the engine's thread, and at the end it would be time that the user waits.
 *
 * It is there to save time only: where there is no thread, or it failed, the caller hashes the file itself.
 */
export class FollowingHashes {
  readonly #answers = new Map<number, (answer: HashAnswer) => void>();
  #worker: Worker | undefined;
  #last = 0;

  /** @returns undefined when the file is small. */
  follow(file: string, size: number): FollowingHash | undefined {
    if (size < MIN_BYTES) return undefined;
    const number = ++this.#last;
    const worker = (this.#worker ??= this.#start());
    const send = (order: HashOrder): void => worker.postMessage(order);
    send({ file: number, type: 'open', path: file });
    return new FollowingHash(number, send, (listener) => {
      this.#answers.set(number, listener);
      worker.ref(); // Somebody waits for it.
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(THREAD, { name: 'lora-swarm-hash' });
    worker.unref();
    const end = (reason: string): void => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const [file, listener] of this.#answers) listener({ file, type: 'failed', reason });
      this.#answers.clear();
    };
    worker.on('message', (answer: HashAnswer) => {
      const listener = this.#answers.get(answer.file);
      this.#answers.delete(answer.file);
      if (this.#answers.size === 0) worker.unref();
      listener?.(answer);
    });
    worker.on('error', (error) => end(String(error)));
    worker.on('exit', (code) => end(`the thread ended with ${code}`));
    return worker;
  }
}

/** One file that is hashed from its start to where it is written. */
export class FollowingHash {
  readonly #answered: Promise<HashAnswer>;
  #told = 0;

  constructor(
    private readonly file: number,
    private readonly send: (order: HashOrder) => void,
    onAnswer: (listener: (answer: HashAnswer) => void) => void,
  ) {
    this.#answered = new Promise((resolve) => onAnswer(resolve));
  }

  /** All bytes before `place` are written and will not be written again. */
  wroteUpTo(place: number): void {
    if (place - this.#told < STEP_BYTES) return;
    this.#told = place;
    this.send({ file: this.file, type: 'upTo', upTo: place, isLast: false });
  }

  /** Of the whole file, which has this size. Undefined when it could not be hashed here. */
  async digest(size: number): Promise<Uint8Array | undefined> {
    this.send({ file: this.file, type: 'upTo', upTo: size, isLast: true });
    const answer = await this.#answered;
    return answer.type === 'digest' ? answer.digest : undefined;
  }

  /** Resolves when nothing has the file open any more. */
  async close(): Promise<void> {
    this.send({ file: this.file, type: 'close' });
    await this.#answered;
  }
}
