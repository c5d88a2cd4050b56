import { createCipheriv, createHash } from 'node:crypto';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashPackage, type HashedPackage, type PackageSource } from '../../src/engine/release/hashPackage';
import { identityKeys, signRelease, type Release, type SignedRelease } from '../../src/engine/release/release';

/** Runs `use` with a fresh folder that is gone afterwards. */
export async function withTempFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  // Real path: on macOS the temporary folder is behind a link.
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'lora-swarm-test-')));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Bytes that look random and are the same for the same seed. */
export function seededBytes(size: number, seed: number | string): Buffer {
  const key = createHash('sha256').update(String(seed)).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface TestPackage extends HashedPackage {
  /** In manifest order. */
  readonly contents: readonly Buffer[];
}

/** A package of weights, config and card whose bytes come from the seed; 0 leaves a small file out. */
export async function makePackage({
  weights = 300_000,
  config = 200,
  card = 100,
  seed = 1,
} = {}): Promise<TestPackage> {
  const sources: (PackageSource & { source: Buffer })[] = [
    { role: 1, source: seededBytes(weights, `weights ${seed}`) },
    { role: 16, source: seededBytes(config, `config ${seed}`) },
    { role: 17, source: seededBytes(card, `card ${seed}`) },
  ];
  const files = sources.filter(({ source }) => source.byteLength > 0);
  return { ...(await hashPackage(files)), contents: files.map(({ source }) => source) };
}

/** A signed release of any content; `seed` chooses the author's key. */
export function makeRelease(contentId: string, fields: Partial<Release> = {}, seed = 1): SignedRelease {
  return signRelease(
    {
      contentId,
      author: 'ana',
      name: 'summaries',
      format: 'peft',
      bytes: 300_300,
      rank: 4,
      alpha: 8,
      scale: 2,
      pairs: 4,
      targets: ['q_proj', 'v_proj'],
      shape: { blocks: 2, dims: { q_proj: [64, 64], v_proj: [64, 32] }, baseModel: 'fx/tiny-llama' },
      tags: ['test'],
      parents: [],
      createdAt: 1_700_000_000_000,
      ...fields,
    },
    identityKeys(seededBytes(32, `author ${seed}`)),
  );
}
