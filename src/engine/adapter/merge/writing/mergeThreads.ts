import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Piece, PieceProblem } from './mergePiece';
import { PieceRunner, type MergeFiles } from './runPiece';

/** What a thread says of each piece, in their order. */
export type ThreadAnswer =
  | { readonly problem: PieceProblem | undefined }
  | { readonly error: { readonly message: string; readonly code?: string | undefined } };

/** Does pieces in any order. */
export interface PieceWorkers {
  /** Resolves when there is room for another piece. Rejects with what went wrong with this one or one before. */
  add(piece: Piece): Promise<void>;
  /** Resolves when all pieces are done. */
  finish(): Promise<void>;
  /** Resolves when nothing touches the files any more. */
  close(): Promise<void>;
}

/** Called for each piece that is done. What it throws ends the work. */
export type OnDone = (piece: Piece, problem: PieceProblem | undefined) => void;

/** So that a thread has the next piece at hand when it is done with one. */
const PIECES_AHEAD = 2;

/** Beside this file when it runs from its sources, and beside the bundle that this file is part of. */
const THREAD = path.join(__dirname, `mergeThread${path.extname(__filename)}`);

/** Does the pieces in threads of their own. */
export class MergeThreads implements PieceWorkers {
  readonly #threads: readonly { readonly worker: Worker; readonly pieces: Piece[] }[];
  #failure: { readonly error: unknown } | undefined;
  #waiting: (() => void)[] = [];

  constructor(
    count: number,
    files: MergeFiles,
    private readonly onDone: OnDone,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.#threads = Array.from({ length: count }, () => {
      const worker = new Worker(THREAD, { workerData: files, name: 'lora-swarm-merge' });
      const pieces: Piece[] = [];
      worker.on('message', (answer: ThreadAnswer) => this.#heard(pieces.shift()!, answer));
      worker.on('error', (error) => this.#fail(error));
      worker.on('exit', (code) => this.#fail(new Error(`a thread of the merge ended with ${code}`)));
      return { worker, pieces };
    });
    signal?.addEventListener('abort', this.#abort);
  }

  async add(piece: Piece): Promise<void> {
    for (;;) {
      this.#throwFailure();
      const { worker, pieces } = this.#threads.reduce((a, b) => (b.pieces.length < a.pieces.length ? b : a));
      if (pieces.length < PIECES_AHEAD) {
        pieces.push(piece);
        worker.postMessage(piece, buffersOf(piece));
        return;
      }
      await this.#change();
    }
  }

  async finish(): Promise<void> {
    while (this.#threads.some(({ pieces }) => pieces.length > 0)) {
      this.#throwFailure();
      await this.#change();
    }
    this.#throwFailure();
  }

  async close(): Promise<void> {
    this.signal?.removeEventListener('abort', this.#abort);
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  readonly #abort = (): void => this.#fail(this.signal?.reason);

  #heard(piece: Piece, answer: ThreadAnswer): void {
    try {
      if ('error' in answer) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
      this.onDone(piece, answer.problem);
      this.#wake();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Does the pieces at once, in this thread: for files so small that starting another takes longer. */
export class NoThreads implements PieceWorkers {
  readonly #runner: PieceRunner;

  constructor(
    files: MergeFiles,
    private readonly onDone: OnDone,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.#runner = new PieceRunner(files);
  }

  async add(piece: Piece): Promise<void> {
    this.signal?.throwIfAborted();
    this.onDone(piece, this.#runner.run(piece));
    await new Promise(setImmediate); // Others get their turn between two pieces.
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Arrays that were made for this piece alone are handed over, not copied. */
function buffersOf(piece: Piece): ArrayBuffer[] {
  if (piece.kind === 'copy') return [];
  const { replacement, magnitudes, addend, low, replaced = [] } = piece;
  const arrays = [replacement, magnitudes, addend, ...low.map(({ b }) => b), ...replaced.map(({ values }) => values)];
  return arrays.flatMap((array) => (array?.buffer instanceof ArrayBuffer ? [array.buffer] : []));
}
