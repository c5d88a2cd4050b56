import type { EngineState, RoomState, TransferDetails, TransferPeerState, TransferState } from '../../src/engine/state';
import type { AdapterDetails, AdapterEntry, DoctorCheck, ListRequest, Wishes } from '../../src/engine/wishes';

export const contentId = (index: number): string => index.toString(16).padStart(64, '0');
const key = (index: number): string => (index + 0xa0).toString(16).padStart(64, 'b');

const NAMES = [
  'sql-coder',
  'pt-chat',
  'legal-summary',
  'bash-helper',
  'poetry',
  'rust-review',
  'med-notes',
  'json-only',
];
const AUTHORS = ['ana', 'joao', 'mika', 'li.wei', 'sam_k'];
const BASES = [
  'meta-llama/Llama-3.2-3B-Instruct',
  'Qwen/Qwen3-8B',
  'google/gemma-2-2b-it',
  'mistralai/Mistral-7B-v0.3',
];

export function entry(index: number, change: Partial<AdapterEntry> = {}): AdapterEntry {
  const base = BASES[index % BASES.length]!;
  const verdicts = [
    {
      verdict: 'exact',
      reason: 'The digest of llama3.2:latest is the one it was trained on.',
      base: 'llama3.2:latest',
    },
    { verdict: 'base-missing', reason: 'Qwen3 8B is not in your Ollama.' },
    { verdict: 'same-shape', reason: 'Every matrix of gemma2:2b has the right size.', base: 'gemma2:2b' },
    { verdict: 'unfit', reason: 'It needs 32 blocks, llama3.2:latest has 28.' },
  ] as const;
  return {
    id: contentId(index),
    name: `${AUTHORS[index % AUTHORS.length]!}/${NAMES[index % NAMES.length]!}${index < NAMES.length ? '' : `-${index}`}`,
    author: AUTHORS[index % AUTHORS.length]!,
    authorKey: key(index % AUTHORS.length),
    format: 'peft',
    baseModel: base,
    architecture: 'llama',
    rank: [8, 16, 32, 64][index % 4]!,
    alpha: 32,
    scale: 2,
    targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
    dtype: 'BF16',
    parameters: 24_313_856,
    bytes: 12_000_000 + index * 1_234_567,
    license: 'apache-2.0',
    tags: ['sql', 'code'],
    rooms: ['0123456789abcdef'],
    sources: Array.from({ length: (index % 3) + 1 }, (_, peer) => key(peer)),
    isMine: index === 3,
    isDownloaded: index === 2,
    verdict: verdicts[index % 4]!,
    ...change,
  };
}

export function details(index: number, change: Partial<AdapterDetails> = {}): AdapterDetails {
  return {
    ...entry(index),
    version: '1.2.0',
    createdAt: Date.now() - 3 * 86_400_000,
    parents: [],
    pairs: 196,
    signerFingerprint: 'k7f2…9q',
    models: [],
    layers: [],
    problems: [],
    ...change,
  };
}

/** What an adapter has once its files are here. */
export function downloaded(index: number, change: Partial<AdapterDetails> = {}): AdapterDetails {
  const targets = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj', 'mlp.down_proj'];
  const layers = Array.from({ length: 28 }, (_, layer) =>
    targets.map((target, at) => ({
      name: `model.layers.${layer}.${target}`,
      norm: (0.2 + Math.sin((layer / 27) * Math.PI)) * (1 + 0.5 * Math.cos(at * 2 + layer / 3)),
    })),
  ).flat();
  return details(index, {
    isDownloaded: true,
    layers,
    path: '/home/ana/.local/share/lora-swarm/adapters/ana-sql-coder',
    models: ['p2p-ana-sql-coder'],
    card: '# SQL coder\n\nAnswers questions about a schema with one SQL statement.\n\n    SELECT name FROM users\n    WHERE  age > 30;\n\nTrained on 12,000 pairs, 3 epochs, lr 2e-4.\n\n## Limits\n\nPostgres dialect only.',
    ...change,
  });
}

export const room = (change: Partial<RoomState> = {}): RoomState => ({
  id: '0123456789abcdef',
  kind: 'private',
  label: 'lab-42',
  phase: 'joined',
  peers: 3,
  adapters: 12,
  isOwner: true,
  isAdmin: true,
  isUnmet: false,
  downloadLimit: 0,
  uploadLimit: 0,
  ...change,
});

export const transfer = (index: number, change: Partial<TransferState> = {}): TransferState => ({
  id: contentId(index),
  name: entry(index).name,
  direction: 'download',
  phase: 'running',
  bytesDone: 15_000_000,
  bytesTotal: 24_300_000,
  rate: 18_200_000,
  sources: 3,
  secondsLeft: 12,
  ...change,
});

export const source = (index: number, change: Partial<TransferPeerState> = {}): TransferPeerState => ({
  key: key(index),
  name: AUTHORS[index % AUTHORS.length]!,
  path: 'direct',
  phase: 'active',
  rate: 6_000_000,
  bytes: 5_000_000,
  has: 1,
  rttMs: 24,
  ...change,
});

/** A download in the middle: the first part is here, some chunks further on are asked for, the rest is missing. */
export function transferDetails(index: number, change: Partial<TransferDetails> = {}): TransferDetails {
  const shown = change.transfer ?? transfer(index);
  const chunks = Math.ceil(shown.bytesTotal / 65_536);
  const cells = Math.min(chunks, 1_024);
  const done = Math.floor((cells * shown.bytesDone) / shown.bytesTotal);
  return {
    transfer: shown,
    chunks,
    held: Array.from({ length: cells }, (_, at) => (at < done ? 255 : 0)),
    asked: Array.from({ length: cells }, (_, at) => (at >= done && at < done + cells * 0.03 ? 255 : 0)),
    peers: [
      source(0, { path: 'lane', rate: 11_400_000, bytes: 9_100_000, rttMs: 0.6 }),
      source(1, { rate: 6_100_000, bytes: 4_700_000 }),
      source(2, { path: 'relay', rate: 700_000, bytes: 1_200_000, has: 0.37, rttMs: 148 }),
    ],
    rates: Array.from({ length: 60 }, (_, at) => 17e6 + 3e6 * Math.sin(at / 5) - (at > 20 && at < 24 ? 9e6 : 0)),
    ...change,
  };
}

export const joined: Partial<EngineState> = {
  rooms: [room(), room({ id: 'local', kind: 'local', label: 'Local network' })],
  peers: [{ key: key(1), name: 'ana', rooms: ['local'], path: 'lan', adapters: 3 }],
  ollama: { url: 'http://127.0.0.1:11434', isReachable: true, version: '0.34.2' },
};

/** Answers `list` from entries in memory, as far as the tests filter. */
export function listOf(entries: readonly AdapterEntry[]): (request: ListRequest) => Wishes['list']['result'] {
  return ({ search, offset = 0, limit = 100 }) => {
    const found = search === undefined ? entries : entries.filter(({ name }) => name.includes(search));
    return { adapters: found.slice(offset, offset + limit), total: found.length };
  };
}

export const models: Wishes['models']['result'] = {
  models: [
    { name: 'llama3.2:latest', digest: `sha256:${key(7)}`, bytes: 2e9, isOurs: false },
    {
      name: 'p2p-ana-sql-coder:latest',
      digest: `sha256:${key(9)}`,
      bytes: 2.1e9,
      adapterOf: 'llama3.2:latest',
      isOurs: true,
    },
    { name: 'gemma2:2b', digest: `sha256:${key(8)}`, bytes: 1.6e9, isOurs: false },
  ],
};

export const checks: readonly DoctorCheck[] = [
  { id: 'network', ok: true, detail: 'Network mode is all; the DHT answers.' },
  {
    id: 'rooms.peers',
    ok: false,
    detail: 'lab-42 is announced since 40 s, and nobody has answered.',
    fix: 'Ask whether the others have joined lab-42 with the same code, and whether UDP may leave their network.',
  },
  { id: 'ollama.reachable', ok: true, detail: 'Ollama 0.34.2 answers at http://127.0.0.1:11434.' },
  {
    id: 'ollama.route',
    ok: false,
    detail: 'This version no longer creates LoRA models by itself.',
    fix: 'Nothing to do: adapters are installed by manifest file, which takes no extra space.',
  },
  { id: 'disk', ok: true, detail: '182 GB free.' },
];
