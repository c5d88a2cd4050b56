import assert from 'node:assert/strict';
import {
  ADAPTER_INTENTS,
  PANEL_ACTIONS,
  parseFromPanel,
  parsePage,
  parseQuery,
  parseToPanel,
} from '../../../src/shared/panelProtocol';
import type { Random } from '../random';
import type { Target } from '../target';
import { decodeValue, encodeValue, mutatedValue } from '../values';

const ID = 'ab'.repeat(32);
const QUERY = { search: 'sum', base: 'llama', room: 'general', fits: '*', minRank: 1, maxRank: 64, maxBytes: 1e9 };
const PAGES: readonly unknown[] = [
  { page: 'explore' },
  { page: 'doctor' },
  { page: 'adapter', id: ID },
  { page: 'transfer', id: ID, direction: 'upload' },
  { page: 'compare', base: 'llama3.2:latest', model: 'p2p-ana' },
  { page: 'merge', parts: [ID, 'x0123456789abcdef'] },
];
const MERGE = { type: 'merge', method: 'ties', rank: 8, density: 0.5, seed: 1 };
const MESSAGES: readonly unknown[] = [
  ...[{ type: 'ready' }, { type: 'doctor' }, { type: 'stopCompare' }, { type: 'stopMerge' }, { type: 'browseAdapter' }],
  ...PAGES.map((page) => ({ type: 'open', page })),
  { type: 'list', query: QUERY, offset: 0, limit: 50 },
  ...ADAPTER_INTENTS.map((type) => ({ type, id: ID })),
  ...PANEL_ACTIONS.map((action) => ({ type: 'run', action })),
  { type: 'compare', base: 'llama3.2', model: 'a/b:c', prompt: 'Hello', tokens: 100 },
  { ...MERGE, parts: [ID, 'x0123456789abcdef'].map((key, i) => ({ key, weight: i + 0.5 })) },
  { type: 'mergeResult', action: 'share' },
  { type: 'moveDownload', id: ID, to: 'first' },
];

/** What a page posts, and what it kept: nothing throws, and what is taken is taken again as it came out. */
export const panelMessages: Target = {
  name: 'panel messages',
  open: () => ({
    make: (random) => encodeValue(sample(random)),
    take: (input) => {
      const value = decodeValue(input);
      const results = [parseFromPanel, parsePage, parseQuery].map((parse) => {
        const taken = parse(value);
        if (taken !== undefined) assert.deepEqual(parse(taken), taken);
        return taken;
      });
      // What comes out has known fields of the kinds that they say, and nothing else of the page's.
      for (const taken of results) assert.ok(JSON.stringify(taken ?? null).length < 20_000);
      parseToPanel(value);
      return results.some((taken) => taken !== undefined) ? 'accepted' : 'refused';
    },
  }),
};

function sample(random: Random): unknown {
  let value = random.pick(random.isOneIn(4) ? [...PAGES, QUERY] : MESSAGES);
  for (let count = random.below(3); count > 0; count--) value = mutatedValue(value, random);
  return value;
}
