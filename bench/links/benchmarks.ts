import type { Ground } from '../ground';
import type { BenchOptions } from '../options';
import type { Section } from '../section';
import { benchLinks } from './distance';
import { benchSources } from './sources';

/** What a transfer does when it is not one file between two on an empty machine. */
export const LINK_BENCHMARKS: Readonly<Record<string, (ground: Ground, options: BenchOptions) => Promise<Section>>> = {
  sources: benchSources,
  links: benchLinks,
};
