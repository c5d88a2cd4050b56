import type { Ground } from '../ground';
import type { BenchOptions } from '../options';
import type { Section } from '../section';
import { benchCaps } from './caps';
import { benchLinks } from './distance';
import { benchFairness } from './fairness';
import { benchFirstByte } from './firstByte';
import { benchSmall } from './small';
import { benchSources } from './sources';

/** What a transfer does when it is not one file between two on an empty machine. */
export const LINK_BENCHMARKS: Readonly<Record<string, (ground: Ground, options: BenchOptions) => Promise<Section>>> = {
  sources: benchSources,
  links: benchLinks,
  fairness: benchFairness,
  small: benchSmall,
  firstbyte: benchFirstByte,
  caps: benchCaps,
};
