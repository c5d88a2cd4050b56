import assert from 'node:assert/strict';
import { MAX_COMPARE_TOKENS, MAX_PROMPT_LENGTH } from '../../../src/shared/compareProtocol';
import { MERGE_RESULT_ACTIONS } from '../../../src/shared/mergeProtocol';
import { MAX_SEARCH_LENGTH } from '../../../src/shared/panelFields';
import { QUEUE_MOVES } from '../../../src/shared/transferProtocol';
import {
  ADAPTER_INTENTS,
  isSameQuery,
  MAX_LIST_LIMIT,
  MAX_LIST_OFFSET,
  PANEL_ACTIONS,
  parseFromPanel,
  parsePage,
  parseQuery,
  parseToPanel,
} from '../../../src/shared/panelProtocol';

const ID = 'ab'.repeat(32);
const PLACE = `x${'0f'.repeat(8)}`;
const COMPARE = { type: 'compare', base: 'llama3.2:latest', model: 'p2p-sql', prompt: 'Why?\n', tokens: 128 };
const MERGE = {
  type: 'merge',
  parts: [
    { key: ID, weight: 1 },
    { key: PLACE, weight: -0.5 },
  ],
  method: 'concat',
};

describe('parseFromPanel', () => {
  it('takes each intent as it is', () => {
    const intents = [
      { type: 'ready' },
      { type: 'doctor' },
      { type: 'open', page: { page: 'explore' } },
      { type: 'open', page: { page: 'doctor' } },
      { type: 'open', page: { page: 'adapter', id: ID } },
      { type: 'list', query: {}, offset: 0, limit: 100 },
      {
        type: 'list',
        query: { search: 'sql', base: 'llama', room: 'general', fits: '*', minRank: 9, maxRank: 16, maxBytes: 5e7 },
        offset: 9_900,
        limit: 1,
      },
      { type: 'open', page: { page: 'transfer', id: ID, direction: 'download' } },
      { type: 'open', page: { page: 'transfer', id: ID, direction: 'upload' } },
      ...QUEUE_MOVES.map((to) => ({ type: 'moveDownload', id: ID, to })),
      { type: 'open', page: { page: 'compare' } },
      { type: 'open', page: { page: 'compare', base: 'llama3.2:latest', model: 'hf.co/ana/sql:Q4_K_M' } },
      { type: 'open', page: { page: 'merge' } },
      { type: 'open', page: { page: 'merge', parts: [ID, PLACE] } },
      COMPARE,
      { type: 'stopCompare' },
      MERGE,
      { ...MERGE, method: 'dare', rank: 16, density: 0.5, seed: 0 },
      { type: 'stopMerge' },
      { type: 'browseAdapter' },
      ...MERGE_RESULT_ACTIONS.map((action) => ({ type: 'mergeResult', action })),
      ...ADAPTER_INTENTS.map((type) => ({ type, id: ID })),
      ...PANEL_ACTIONS.map((action) => ({ type: 'run', action })),
    ];

    for (const intent of intents) assert.deepEqual(parseFromPanel(intent), intent);
  });

  it('drops what it does not know', () => {
    const intent = parseFromPanel({ type: 'download', id: ID, path: '/etc/passwd', command: 'workbench.action.quit' });

    assert.deepEqual(intent, { type: 'download', id: ID });
  });

  const refused: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['null', null],
    ['text', 'ready'],
    ['a list', [{ type: 'ready' }]],
    ['no type', { id: ID }],
    ['a type of another kind', { type: ['ready'] }],
    ['an unknown type', { type: 'eval' }],
    ['the name of something every object has', { type: 'constructor', id: ID }],
    ['an id that is short', { type: 'download', id: ID.slice(1) }],
    ['an id in capitals', { type: 'download', id: ID.toUpperCase() }],
    ['an id with a line end', { type: 'download', id: `${ID}\n` }],
    ['an id that is no text', { type: 'download', id: { toString: () => ID } }],
    ['a path for an id', { type: 'install', id: '../../../etc/passwd' }],
    ['an unknown page', { type: 'open', page: { page: 'settings' } }],
    ['an adapter page without id', { type: 'open', page: { page: 'adapter' } }],
    ['a command for an action', { type: 'run', action: 'workbench.action.terminal.new' }],
    ['a list without query', { type: 'list', offset: 0, limit: 1 }],
    ['a list without limit', { type: 'list', query: {}, offset: 0 }],
    ['a list of nothing', { type: 'list', query: {}, offset: 0, limit: 0 }],
    ['a list of too much', { type: 'list', query: {}, offset: 0, limit: MAX_LIST_LIMIT + 1 }],
    ['a list from before the start', { type: 'list', query: {}, offset: -1, limit: 1 }],
    ['a list from half an entry', { type: 'list', query: {}, offset: 0.5, limit: 1 }],
    ['a list from nowhere', { type: 'list', query: {}, offset: Number.NaN, limit: 1 }],
    ['a list from too far', { type: 'list', query: {}, offset: MAX_LIST_OFFSET + 1, limit: 1 }],
    [
      'a search that is too long',
      { type: 'list', query: { search: 'x'.repeat(MAX_SEARCH_LENGTH + 1) }, offset: 0, limit: 1 },
    ],
    ['a search that is no text', { type: 'list', query: { search: 5 }, offset: 0, limit: 1 }],
    ['a room by its name', { type: 'list', query: { room: 'lab-42' }, offset: 0, limit: 1 }],
    ['a negative rank', { type: 'list', query: { minRank: -1 }, offset: 0, limit: 1 }],
    ['a comparison with a path', { ...COMPARE, base: '../../etc/passwd' }],
    ['a comparison with an option of a program', { ...COMPARE, model: '--help' }],
    ['a comparison with nothing', { ...COMPARE, prompt: ' \n' }],
    ['a comparison with a book', { ...COMPARE, prompt: 'x'.repeat(MAX_PROMPT_LENGTH + 1) }],
    ['a comparison with a prompt that is no text', { ...COMPARE, prompt: ['x'] }],
    ['a comparison without length', { ...COMPARE, tokens: undefined }],
    ['a comparison without end', { ...COMPARE, tokens: MAX_COMPARE_TOKENS + 1 }],
    ['a comparison of half a token', { ...COMPARE, tokens: 0.5 }],
    ['a compare page with a hostile name', { type: 'open', page: { page: 'compare', model: '$(rm -rf)' } }],
    ['a merge of one', { ...MERGE, parts: MERGE.parts.slice(1) }],
    ['a merge of one twice', { ...MERGE, parts: [MERGE.parts[0], MERGE.parts[0]] }],
    [
      'a merge of too many',
      {
        ...MERGE,
        parts: Array.from({ length: 17 }, (_, at) => ({ key: at.toString(16).padStart(64, '0'), weight: 1 })),
      },
    ],
    ['a merge of a path', { ...MERGE, parts: [MERGE.parts[0], { key: '/etc/passwd', weight: 1 }] }],
    ['a merge without weight', { ...MERGE, parts: [MERGE.parts[0], { key: PLACE }] }],
    ['a merge with a weight that is no number', { ...MERGE, parts: [MERGE.parts[0], { key: PLACE, weight: NaN }] }],
    ['a merge with a weight without end', { ...MERGE, parts: [MERGE.parts[0], { key: PLACE, weight: Infinity }] }],
    ['a merge by an unknown method', { ...MERGE, method: 'exec' }],
    ['a merge at rank 0', { ...MERGE, rank: 0 }],
    ['a merge of more than all', { ...MERGE, density: 1.01 }],
    ['a merge with half a seed', { ...MERGE, seed: 0.5 }],
    ['a merge page with a path', { type: 'open', page: { page: 'merge', parts: ['/etc/passwd'] } }],
    ['a merge page with a text', { type: 'open', page: { page: 'merge', parts: ID } }],
    ['a command for a result', { type: 'mergeResult', action: 'delete' }],
    ['a transfer page without a way', { type: 'open', page: { page: 'transfer', id: ID } }],
    ['a transfer page with another way', { type: 'open', page: { page: 'transfer', id: ID, direction: 'sideways' } }],
    ['a transfer page of a path', { type: 'open', page: { page: 'transfer', id: '/etc/passwd', direction: 'upload' } }],
    ['a move to a number', { type: 'moveDownload', id: ID, to: 1 }],
    ['a move to what every object has', { type: 'moveDownload', id: ID, to: 'toString' }],
    ['a move of nothing', { type: 'moveDownload', to: 'first' }],
    ['an endless size', { type: 'list', query: { maxBytes: Infinity }, offset: 0, limit: 1 }],
  ];
  for (const [what, value] of refused)
    it(`refuses ${what}`, () => {
      assert.equal(parseFromPanel(value), undefined);
    });

  it('gives a valid intent or nothing for 10,000 hostile messages, and never throws', () => {
    const random = seeded(20_261_121);
    let accepted = 0;

    for (let round = 0; round < 10_000; round++) {
      const intent = parseFromPanel(hostileMessage(random));
      if (intent === undefined) continue;
      accepted++;
      assert.ok(isValid(intent), JSON.stringify(intent));
      assert.deepEqual(parseFromPanel(structuredClone(intent)), intent);
    }

    // Both ways are taken: a fuzzer that never gets through tests nothing.
    assert.ok(accepted > 200 && accepted < 8_000, `${accepted} accepted`);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });
});

describe('state that the editor kept', () => {
  it('is read like input', () => {
    assert.deepEqual(parsePage({ page: 'adapter', id: ID, more: 1 }), { page: 'adapter', id: ID });
    assert.equal(parsePage({ page: 'adapter', id: 'x' }), undefined);
    assert.deepEqual(parsePage({ page: 'transfer', id: ID, direction: 'upload', more: 1 }), {
      page: 'transfer',
      id: ID,
      direction: 'upload',
    });
    assert.deepEqual(parsePage({ page: 'merge', parts: [ID, ID] }), { page: 'merge', parts: [ID] });
    assert.equal(parsePage({ page: 'compare', base: 5 }), undefined);
    assert.equal(parsePage('explore'), undefined);
    assert.deepEqual(parseQuery({ search: 'a', unknown: 'b' }), { search: 'a' });
    assert.equal(parseQuery({ fits: 5 }), undefined);
    assert.equal(parseQuery(null), undefined);
  });
});

describe('parseToPanel', () => {
  it('lets through what the extension says and nothing else', () => {
    const message = { type: 'page', page: { page: 'explore' } };

    assert.equal(parseToPanel(message), message);
    for (const value of [undefined, null, 'page', [], {}, { type: 'ready' }, { type: 1 }, { type: 'toString' }])
      assert.equal(parseToPanel(value), undefined);
  });
});

describe('isSameQuery', () => {
  it('looks at every field', () => {
    const query = { search: 'a', base: 'b', room: 'local', fits: '*', minRank: 1, maxRank: 2, maxBytes: 3 };

    assert.ok(isSameQuery(query, { ...query }));
    for (const key of Object.keys(query)) assert.ok(!isSameQuery(query, { ...query, [key]: undefined }), key);
  });
});

/** The limits once more, in other words than the parser's. */
function isValid(intent: NonNullable<ReturnType<typeof parseFromPanel>>): boolean {
  const text = JSON.stringify(intent);
  if (text.length > 1_200) return false;
  switch (intent.type) {
    case 'ready':
    case 'doctor':
      return text === `{"type":"${intent.type}"}`;
    case 'run':
      return PANEL_ACTIONS.includes(intent.action);
    case 'open':
      return !('id' in intent.page) || intent.page.id.length === 64;
    case 'moveDownload':
      return intent.id.length === 64 && ['first', 'up', 'down', 'last'].includes(intent.to);
    case 'list':
      return (
        intent.limit >= 1 &&
        intent.limit <= 100 &&
        intent.offset >= 0 &&
        [intent.query.search, intent.query.base, intent.query.fits].every((value) => (value?.length ?? 0) <= 200)
      );
    case 'compare':
      return [intent.base, intent.model].every((name) => name.length <= 330 && !/[^\w.:/-]|^-|\.\./.test(name));
    case 'stopCompare':
    case 'stopMerge':
    case 'browseAdapter':
      return text === JSON.stringify({ type: intent.type });
    case 'mergeResult':
      return ['share', 'install', 'reveal'].includes(intent.action);
    case 'merge':
      return intent.parts.length >= 2 && intent.parts.every(({ weight }) => Math.abs(weight) <= 100);
    default:
      return /^[0-9a-f]+$/.test(intent.id) && intent.id.length === 64;
  }
}

/** Looks like a message and has something wrong in it, most of the time. */
function hostileMessage(random: () => number): unknown {
  const one = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const junk = (): unknown =>
    one<unknown>([
      undefined,
      null,
      true,
      -1,
      0.5,
      Number.NaN,
      2 ** 53,
      '',
      '../../etc/passwd',
      'x'.repeat(one([199, 200, 201, 100_000])),
      ID,
      `${ID} `,
      'general',
      '*',
      10,
      [],
      [ID],
      {},
      new Date(0),
      new Map([['type', 'ready']]),
      JSON.parse('{"__proto__": {"polluted": true, "type": "ready"}}'),
      { toString: 'ready' },
      { page: 'adapter', id: ID },
      { page: 'transfer', id: ID, direction: one(['download', 'upload', 'both', 1]) },
      { search: 'x', minRank: 1 },
      { search: { length: 1 } },
      { room: '../general' },
    ]);
  if (random() < 0.1) return junk();
  const types = [
    ...['ready', 'doctor', 'open', 'list', 'run', 'compare', 'stopCompare', 'merge', 'mergeResult', 'browseAdapter'],
    'moveDownload',
    ...ADAPTER_INTENTS,
    'state',
    '__proto__',
    'hasOwnProperty',
  ];
  const message: Record<string, unknown> = { type: random() < 0.9 ? one(types) : junk() };
  const fields = {
    ...{ id: ID, page: { page: 'explore' }, query: {}, offset: 0, limit: 10, action: one(['showLog', 'share']) },
    ...{
      ...COMPARE,
      ...MERGE,
      rank: 8,
      density: 1,
      seed: 1,
      to: one(['first', 'up', 'sideways']),
      type: message['type'],
    },
  };
  for (const [key, good] of Object.entries(fields)) if (random() < 0.9) message[key] = random() < 0.6 ? good : junk();
  if (random() < 0.2) message[one(['__proto__', 'constructor', 'then', 'toJSON'])] = junk();
  return message;
}

/** Mulberry32: the same messages in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
