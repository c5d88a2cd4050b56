import { readFileSync } from 'node:fs';
import { fixture, type BaseName } from './gold';

/** An adapter that only a merged model can do, made and computed by PEFT; see `test/fixtures/merge/make.py`. */
export interface GoldMergeFixture {
  readonly base: BaseName;
  readonly name: string;
  readonly folder: string;
  readonly merge: 'exact' | 'refuse';
  /** As in the gold files of the bases, for their prompts. With `exact` only. */
  readonly logits?: readonly string[];
}

export function goldMerges(): readonly GoldMergeFixture[] {
  const gold = JSON.parse(readFileSync(fixture('merge', 'gold.json'), 'utf8')) as {
    readonly adapters: readonly Omit<GoldMergeFixture, 'folder'>[];
  };
  return gold.adapters.map((adapter) => ({ ...adapter, folder: fixture('merge', adapter.base, adapter.name) }));
}
