import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { BaseModel } from '../../src/engine/adapter/baseModel';
import { convertAdapter } from '../../src/engine/adapter/convert';
import { inspectAdapter } from '../../src/engine/adapter/inspect';
import { writeMerged } from '../../src/engine/adapter/merge/writing/writeMerged';
import { answer } from './calls';
import { watchUsage } from './usage';

// Converts an adapter, and what else a program does with a file of that size. Each in a process of its own.

export interface Work {
  readonly ms: number;
  readonly cpuSeconds: number;
  /** Before the work began: Node and this program. */
  readonly baselineRssBytes: number;
  readonly peakRssBytes: number;
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
}

interface Merge {
  readonly base: string;
  readonly matrices: readonly { readonly name: string; readonly dims: readonly number[] }[];
  readonly rank: number;
  readonly out: string;
}

const PIECE = 2 * 1024 * 1024;

const calls = {
  /** With the large llama that `writeLargeAdapter` writes for. */
  convert({ folder, out, blocks }: { folder: string; out: string; blocks: number }): Promise<Work> {
    return measured(async () => {
      await convertAdapter(await inspectAdapter(folder), largeLlama(blocks), out, { type: 'f32' });
    });
  },

  /** With the same numbers for every matrix. They are copied when they are asked for, as those of a file would be read. */
  async merge({ base, matrices, rank, out }: Merge): Promise<Work & { readonly bytes: number }> {
    const widest = Math.max(...matrices.flatMap(({ dims }) => dims));
    const noise = Float32Array.from({ length: rank * widest }, () => (Math.random() - 0.5) / 64);
    const changes = matrices.map(({ name, dims }) => ({
      name,
      dims,
      source: name,
      low: [
        {
          rank,
          factor: 2,
          loadA: () => Promise.resolve(noise.slice(0, rank * dims[0]!)),
          loadB: () => Promise.resolve(noise.slice(0, rank * dims[1]!)),
        },
      ],
    }));
    const work = await measured(async () => {
      await writeMerged(base, changes, out, { type: 'keep' });
    });
    return { ...work, bytes: fs.statSync(out).size };
  },

  /** As the system copies, and synced like what a conversion leaves. */
  copy({ from, to }: { from: string; to: string }): Promise<Work> {
    return measured(async () => {
      await fs.promises.copyFile(from, to);
      const file = await fs.promises.open(to, 'r+');
      await file.sync().finally(() => file.close());
    });
  },

  hash({ path }: { path: string }): Promise<Work> {
    return measured(async () => {
      const hash = createHash('sha256');
      await pipeline(fs.createReadStream(path, { highWaterMark: PIECE }), hash);
      hash.digest();
    });
  },
};

export type ConvertCalls = typeof calls;

async function measured(work: () => Promise<void>): Promise<Work> {
  const baselineRssBytes = process.memoryUsage.rss();
  const end = watchUsage();
  const start = performance.now();
  await work();
  const ms = performance.now() - start;
  return { ms, baselineRssBytes, ...end() };
}

function largeLlama(blockCount: number): BaseModel {
  return {
    name: 'large',
    lineage: [],
    architecture: 'llama',
    blockCount,
    embeddingLength: 4096,
    headCount: 32,
    headCountKv: 16,
    headDim: 128,
    tensors: new Map(),
  };
}

answer(calls);
