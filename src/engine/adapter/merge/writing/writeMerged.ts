import type { BigIntStats } from 'node:fs';
import { stat, type FileHandle } from 'node:fs/promises';
import type { MergedType } from '../../../deployWishes';
import { isAbort, LoraSwarmError } from '../../../errors';
import { openForReading } from '../../fileBytes';
import { readGgufHeader } from '../../gguf';
import { quoted } from '../../problems';
import { replaceFile } from '../../replaceFile';
import { planMerge, type MergedTensor, type Retyped } from './mergedPlan';
import { writeMergedHeader } from './mergedHeader';
import type { Piece, PieceProblem } from './mergePiece';
import { MergeThreads, NoThreads, type OnDone, type PieceWorkers } from './mergeThreads';
import { piecesOf } from './piecesOf';
import type { TensorChange } from '../tensorChange';

/** Below, starting a thread takes longer than the merge. No model that somebody talks to is that small. */
const SMALL_BYTES = 16 * 1024 * 1024;
/** Two come close to what a disk and the memory can do, and leave the other cores to their owner. */
const THREADS = 2;

export interface WriteMergedOptions {
  /** Type of the tensors that change. */
  readonly type: MergedType;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the merged file. */
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
  /** The bytes are the same for any number; 0 is none but this one. Default by the size. */
  readonly threads?: number | undefined;
}

export interface WrittenMerge {
  readonly path: string;
  readonly bytes: number;
  /** Tensors of the file, and those that changed. */
  readonly tensors: number;
  readonly changed: number;
  readonly retyped: readonly Retyped[];
}

/**
 * Writes a copy of a base model with the changes in it. The base's values stay byte for byte, and so do tensors that do not
 * change; the same input gives the same bytes. Every value that is computed is a number, or there is no file.
 *
 * @throws {LoraSwarmError} those of `mergedSize`; `MERGE_UNSUPPORTED` for values that are no numbers or too large for
 * their type; `SOURCE_CHANGED` when the base changes meanwhile; and what `storageError` knows.
 */
export async function writeMerged(
  basePath: string,
  changes: readonly TensorChange[],
  out: string,
  { type, signal, onProgress, threads }: WriteMergedOptions,
): Promise<WrittenMerge> {
  signal?.throwIfAborted();
  const { handle: base } = await openForReading(basePath);
  try {
    const before = await base.stat({ bigint: true });
    const plan = planMerge(await readGgufHeader(basePath), changes, type);
    await requireOther(basePath, out);

    await replaceFile(out, async (merged) => {
      await merged.truncate(plan.bytes);
      await writeMergedHeader(base, merged, plan);
      let done = plan.tensors[0]?.offset ?? plan.bytes;
      const onDone: OnDone = (piece, problem) => {
        if (problem) throw unsound(piece, problem);
        done += piece.bytes;
        onProgress?.(done, plan.bytes);
      };
      const files = { base: base.fd, merged: merged.fd };
      const count = threads ?? (plan.bytes < SMALL_BYTES ? 0 : THREADS);
      try {
        await runPieces(
          count === 0 ? new NoThreads(files, onDone, signal) : new MergeThreads(count, files, onDone, signal),
          plan.tensors,
        );
      } catch (error) {
        if (!isAbort(error)) await requireSame(base, before, basePath); // Then that is why.
        throw error;
      }
      onProgress?.(plan.bytes, plan.bytes); // With the padding behind the last tensor.
      await requireSame(base, before, basePath);
    });
    const { bytes, retyped } = plan;
    return { path: out, bytes, tensors: plan.tensors.length, changed: changes.length, retyped };
  } finally {
    await base.close();
  }
}

async function runPieces(workers: PieceWorkers, tensors: readonly MergedTensor<TensorChange>[]): Promise<void> {
  try {
    for await (const piece of piecesOf(tensors)) await workers.add(piece);
    await workers.finish();
  } finally {
    await workers.close();
  }
}

/** A base is never replaced by what was made from it: nobody could go back. */
async function requireOther(basePath: string, out: string): Promise<void> {
  const [base, target] = await Promise.all([
    stat(basePath, { bigint: true }),
    stat(out, { bigint: true }).catch(() => undefined),
  ]);
  if (target?.ino !== base.ino || target.dev !== base.dev) return;
  throw new LoraSwarmError('MERGE_UNSUPPORTED', `${out} is the base model itself. Choose another name.`);
}

/** The header was read by name, the rest from the open file: both have to be the file that there was at the start. */
async function requireSame(base: FileHandle, before: BigIntStats, path: string): Promise<void> {
  const [now, named] = [await base.stat({ bigint: true }), await stat(path, { bigint: true }).catch(() => undefined)];
  if (named?.ino === before.ino && now.size === before.size && now.mtimeNs === before.mtimeNs) return;
  throw new LoraSwarmError('SOURCE_CHANGED', `${path} changed while it was merged. Try again.`);
}

function unsound(piece: Piece, problem: PieceProblem): LoraSwarmError {
  const { name, type } = piece.kind === 'rows' ? piece : { name: 'A tensor', type: '' };
  return new LoraSwarmError(
    'MERGE_UNSUPPORTED',
    problem === 'not-finite'
      ? `${quoted(name)} would hold values that are no numbers (NaN or infinite). The adapter or the base model is damaged.`
      : `${quoted(name)} would hold values that ${type} cannot. Merge with type f32.`,
  );
}
