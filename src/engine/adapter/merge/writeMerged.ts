import type { BigIntStats } from 'node:fs';
import { stat, type FileHandle } from 'node:fs/promises';
import type { MergedType } from '../../deployWishes';
import { LoraSwarmError } from '../../errors';
import { openForReading } from '../fileBytes';
import { readGgufHeader } from '../gguf';
import { quoted } from '../problems';
import { replaceFile } from '../replaceFile';
import { planMerge, type Retyped } from './mergedPlan';
import { writeMergedHeader } from './mergedHeader';
import type { Piece, PieceProblem } from './mergePiece';
import { piecesOf } from './piecesOf';
import { PieceRunner } from './runPiece';
import type { TensorChange } from './tensorChange';

export interface WriteMergedOptions {
  /** Type of the tensors that change. */
  readonly type: MergedType;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the merged file. */
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
  /** The bytes are the same for any number. */
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
  { type, signal, onProgress }: WriteMergedOptions,
): Promise<WrittenMerge> {
  const { handle: base } = await openForReading(basePath);
  try {
    const before = await base.stat({ bigint: true });
    const header = await readGgufHeader(basePath);
    const plan = planMerge(header, changes, type);
    await requireOther(basePath, out);

    await replaceFile(out, async (merged) => {
      await merged.truncate(plan.bytes);
      await writeMergedHeader(base, merged, header, plan);
      let done = plan.tensors[0]?.offset ?? plan.bytes;
      const runner = new PieceRunner({ base: base.fd, merged: merged.fd });
      for await (const piece of piecesOf(plan.tensors)) {
        signal?.throwIfAborted();
        requireSound(piece, runner.run(piece));
        done += piece.bytes;
        onProgress?.(done, plan.bytes);
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

/** A base is never replaced by what was made from it: nobody could go back. */
async function requireOther(basePath: string, out: string): Promise<void> {
  const [base, target] = await Promise.all([
    stat(basePath, { bigint: true }),
    stat(out, { bigint: true }).catch(() => undefined),
  ]);
  if (target?.ino !== base.ino || target.dev !== base.dev) return;
  throw new LoraSwarmError('MERGE_UNSUPPORTED', `${out} is the base model itself. Choose another name.`);
}

async function requireSame(base: FileHandle, before: BigIntStats, path: string): Promise<void> {
  const now = await base.stat({ bigint: true });
  if (now.size === before.size && now.mtimeNs === before.mtimeNs) return;
  throw new LoraSwarmError('SOURCE_CHANGED', `${path} changed while it was merged. Try again.`);
}

function requireSound(piece: Piece, problem: PieceProblem | undefined): void {
  if (!problem || piece.kind === 'copy') return;
  const name = quoted(piece.name);
  throw new LoraSwarmError(
    'MERGE_UNSUPPORTED',
    problem === 'not-finite'
      ? `${name} would hold values that are no numbers (NaN or infinite). The adapter or the base model is damaged.`
      : `${name} would hold values that ${piece.type} cannot. Merge with type f32.`,
  );
}
