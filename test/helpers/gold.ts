import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const FIXTURES = resolve(__dirname, '../fixtures');

/** Bases in `test/fixtures`, each with a few real adapters and what PEFT and MLX compute with them. */
export const BASES = ['llama', 'mistral', 'qwen2', 'qwen3', 'gemma2', 'gemma3', 'phi3'] as const;
export type BaseName = (typeof BASES)[number];

export interface GoldModule {
  readonly r: number;
  readonly alpha: number;
  readonly scaling: number;
  readonly in: number;
  readonly out: number;
  /** Base tensor as llama.cpp names it. */
  readonly gguf: string;
  /** Frobenius norm of scaling · B · A. */
  readonly fro_delta: number;
  readonly embedding?: boolean;
}

export interface GoldAdapter {
  readonly dir: string;
  /** What can be made of it exactly: a LoRA GGUF, a merged base. */
  readonly expect: { readonly gguf: 'exact' | 'refuse'; readonly merge: 'exact' | 'refuse'; readonly why?: string };
  readonly facts: {
    readonly pairs?: number;
    readonly parameters?: number;
    readonly ranks?: readonly number[];
    readonly scalings?: readonly number[];
    readonly targets?: readonly string[];
    readonly modules?: Readonly<Record<string, GoldModule>>;
    readonly file?: { readonly tensors: number; readonly dtypes: readonly string[] };
  };
}

export interface Gold {
  readonly prompts: readonly (readonly number[])[];
  /** Base64 floats per prompt, by adapter; `base` is the base alone. */
  readonly logits: Readonly<Record<string, readonly string[]>>;
  /** Gemma: with GELU rounded as llama.cpp does it on the CPU. */
  readonly logits_table_gelu?: Readonly<Record<string, readonly string[]>>;
  readonly adapters: Readonly<Record<string, GoldAdapter>>;
  /** Weighted sums; their logits stand under `merge:<name>`. */
  readonly merges: Readonly<Record<string, GoldMerge>>;
}

export interface GoldMerge {
  readonly parts: readonly { readonly weight: number; readonly adapter: string }[];
  readonly modules: Readonly<
    Record<string, { readonly max_abs_delta: number; readonly fro_delta: number; readonly exact_rank_at_most: number }>
  >;
}

/** A copied adapter with what is known about it. */
export interface GoldFixture extends GoldAdapter {
  readonly base: BaseName;
  readonly name: string;
  readonly folder: string;
}

export function fixture(...parts: readonly string[]): string {
  return join(FIXTURES, ...parts);
}

export function readGold(base: BaseName | 'llama-quant'): Gold {
  return JSON.parse(readFileSync(fixture(base, 'gold.json'), 'utf8')) as Gold;
}

/** Every adapter of the fixtures that is here: gold files also speak of some that were not copied. */
export function goldFixtures(copied: (folder: string) => boolean): readonly GoldFixture[] {
  return BASES.flatMap((base) =>
    Object.entries(readGold(base).adapters)
      .map(([name, adapter]) => ({ ...adapter, base, name, folder: fixture(base, adapter.dir) }))
      .filter(({ folder }) => copied(folder)),
  );
}
