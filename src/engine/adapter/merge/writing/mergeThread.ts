import { parentPort, workerData } from 'node:worker_threads';
import type { Piece } from './mergePiece';
import { PieceRunner, type MergeFiles } from './runPiece';
import type { ThreadAnswer } from './mergeThreads';

// The entry of the threads that do the arithmetic of a merge, bundled as dist/mergeThread.js. They read and write by
// themselves, into and out of the memory of the kernel: a byte of the model never passes through the engine's thread.
const port = parentPort!;
const runner = new PieceRunner(workerData as MergeFiles);

port.on('message', (piece: Piece) => {
  port.postMessage(answer(piece));
});

function answer(piece: Piece): ThreadAnswer {
  try {
    return { problem: runner.run(piece) };
  } catch (error) {
    // A copy of an error that is sent has lost its code.
    return {
      error: error instanceof Error ? { message: error.message, code: codeOf(error) } : { message: String(error) },
    };
  }
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
