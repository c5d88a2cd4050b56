/** Options of all verbs. `list`: may be given more than once. */
export const OPTIONS = {
  // global
  home: { type: 'string' },
  json: { type: 'boolean' },
  bootstrap: { type: 'string' },
  host: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  // of verbs
  as: { type: 'string' },
  base: { type: 'string' },
  cancel: { type: 'boolean' },
  copy: { type: 'boolean' },
  density: { type: 'string' },
  down: { type: 'string' },
  fits: { type: 'string' },
  hours: { type: 'string' },
  'in-place': { type: 'boolean' },
  install: { type: 'boolean' },
  into: { type: 'string' },
  license: { type: 'string' },
  'max-rate': { type: 'string' },
  method: { type: 'string' },
  mine: { type: 'boolean' },
  name: { type: 'string' },
  'no-wait': { type: 'boolean' },
  off: { type: 'boolean' },
  once: { type: 'boolean' },
  /** A flag of `list`; only `demo` takes a value. */
  ollama: { type: 'string' },
  out: { type: 'string', short: 'o' },
  param: { type: 'string', multiple: true },
  plan: { type: 'boolean' },
  port: { type: 'string' },
  rank: { type: 'string' },
  replace: { type: 'boolean' },
  room: { type: 'string', multiple: true },
  route: { type: 'string' },
  search: { type: 'string' },
  seed: { type: 'string' },
  system: { type: 'string' },
  tag: { type: 'string', multiple: true },
  template: { type: 'string' },
  tokens: { type: 'string' },
  type: { type: 'string' },
  up: { type: 'string' },
  update: { type: 'boolean' },
  use: { type: 'string' },
  wait: { type: 'string' },
  watch: { type: 'boolean' },
  weight: { type: 'string' },
  with: { type: 'string', multiple: true },
  yes: { type: 'boolean', short: 'y' },
} as const;

export type OptionName = keyof typeof OPTIONS;

export const GLOBAL_OPTIONS: readonly OptionName[] = ['home', 'json', 'bootstrap', 'host', 'help', 'version'];

interface VerbSpec {
  /** What stands after the verb. */
  readonly usage: string;
  readonly summary: string;
  readonly options: readonly OptionName[];
  /** Least and most words after the verb. */
  readonly words: readonly [number, number];
}

/** Every verb of the command line, in the order of the help. */
export const VERBS = {
  inspect: { usage: 'PATH|ollama:MODEL', summary: 'what an adapter is', options: [], words: [1, 1] },
  verdict: {
    usage: 'PATH|ID|ollama:MODEL [--base MODEL]',
    summary: 'whether it fits a base model, and why',
    options: ['base'],
    words: [1, 1],
  },
  convert: {
    usage: 'PATH|ID|ollama:MODEL -o OUT.gguf --base MODEL|BASE.gguf [--type source|f32|f16|bf16]',
    summary: 'makes a GGUF adapter',
    options: ['out', 'base', 'type'],
    words: [1, 1],
  },
  merge: {
    usage:
      'TARGET[:WEIGHT]… -o DIR [--method concat|svd|ties|dare] [--rank N] [--density D] [--seed N] [--base MODEL|BASE.gguf], or TARGET[:WEIGHT]… --into BASE.gguf|MODEL -o OUT.gguf [--type keep|f32|f16|q8_0]',
    summary: 'makes one adapter of several, or a whole model with them in its weights',
    options: ['out', 'into', 'type', 'method', 'rank', 'density', 'seed', 'base'],
    words: [1, 64],
  },
  share: {
    usage:
      'PATH|ollama:MODEL [--room ROOM]… [--name AUTHOR/NAME] [--base NAME] [--license ID] [--tag TAG]… [--system TEXT|@FILE] [--template TEXT|@FILE] [--param NAME=VALUE]… [--in-place|--copy] [--no-wait] [--yes]',
    summary: 'offers an adapter, and serves it until Ctrl-C',
    options: [
      ...(['room', 'name', 'base', 'license', 'tag', 'system', 'template', 'param'] as const),
      ...(['in-place', 'copy', 'no-wait', 'yes'] as const),
    ],
    words: [1, 1],
  },
  unshare: { usage: 'ID|NAME', summary: 'stops offering it', options: [], words: [1, 1] },
  list: {
    usage: '[--room ROOM] [--mine] [--search TEXT] [--fits MODEL] [--watch], or --ollama',
    summary: 'adapters that rooms offer, and your own; --ollama: those inside models of Ollama',
    options: ['room', 'mine', 'search', 'fits', 'watch', 'ollama'],
    words: [0, 0],
  },
  get: {
    usage: 'ID|NAME [--room ROOM] [--install] [--base MODEL] [--as NAME] [--max-rate 20MB] [-o DIR]',
    summary: 'downloads and verifies an adapter',
    options: ['room', 'install', 'base', 'as', 'max-rate', 'out'],
    words: [1, 1],
  },
  transfers: {
    usage: '',
    summary: 'what is downloaded, waits for its turn, and is uploaded',
    options: [],
    words: [0, 0],
  },
  pause: { usage: 'ID|NAME', summary: 'stops a download and keeps what is there', options: [], words: [1, 1] },
  resume: { usage: 'ID|NAME', summary: 'lets a paused download go on', options: [], words: [1, 1] },
  cancel: { usage: 'ID|NAME', summary: 'ends a download and removes what is there of it', options: [], words: [1, 1] },
  move: {
    usage: 'ID|NAME first|up|down|last',
    summary: 'changes the place of a download in the queue',
    options: [],
    words: [2, 2],
  },
  install: {
    usage:
      'PATH|ID|ollama:MODEL [--base MODEL] [--weight W] [--with TARGET[:WEIGHT]]… [--as NAME|--update] [--use system,template,parameters] [--route auto|create|pull|manifest|merge] [--plan|--yes]',
    summary: 'makes an Ollama model of base and adapter; --plan only says how',
    options: ['base', 'weight', 'with', 'as', 'update', 'use', 'route', 'plan', 'yes'],
    words: [1, 1],
  },
  uninstall: { usage: 'NAME', summary: 'removes a model that lora-swarm made', options: [], words: [1, 1] },
  compare: {
    usage: 'BASE MODEL PROMPT|- [--tokens N]',
    summary: 'asks two models of Ollama the same; - reads the prompt from standard input',
    options: ['tokens'],
    words: [3, 3],
  },
  rooms: { usage: '', summary: 'the rooms you are in', options: [], words: [0, 0] },
  'room join': {
    usage: 'general|local|CODE|- [--name LABEL] [--wait SECONDS]',
    summary: 'enters a room; - reads the code from standard input; --wait: fails when nobody of it is met by then',
    options: ['name', 'wait'],
    words: [0, 1],
  },
  'room create': { usage: '[LABEL]', summary: 'makes a private room', options: [], words: [0, 1] },
  'room leave': { usage: 'ROOM', summary: 'leaves a room', options: [], words: [1, 1] },
  'room invite': {
    usage: 'ROOM [--once [--hours N]|--cancel]',
    summary: "shows a private room's code; --once: a code that admits one device; --cancel: takes those back",
    options: ['once', 'hours', 'cancel'],
    words: [1, 1],
  },
  'room limit': {
    usage: 'ROOM [--down 5MB] [--up 1MB]',
    summary: 'how much a second a room may take; 0 is no limit',
    options: ['down', 'up'],
    words: [1, 1],
  },
  'room members': { usage: 'ROOM', summary: 'who is in a private room', options: [], words: [1, 1] },
  'room remove': { usage: 'ROOM PEER', summary: 'ends the access of a member', options: [], words: [2, 2] },
  'room admin': {
    usage: 'ROOM PEER [--off]',
    summary: 'lets a member sign for others and remove them, or ends that',
    options: ['off'],
    words: [2, 2],
  },
  'room rename-member': {
    usage: 'ROOM PEER [NAME]',
    summary: 'your own name for a member; without one what it calls itself',
    options: [],
    words: [2, 3],
  },
  'room verify': {
    usage: 'ROOM PEER [--off]',
    summary: 'notes that you compared the fingerprint of a member',
    options: ['off'],
    words: [2, 2],
  },
  peers: { usage: '', summary: 'who is connected', options: [], words: [0, 0] },
  identity: { usage: '', summary: 'your public key', options: [], words: [0, 0] },
  'identity show': { usage: '', summary: 'the same', options: [], words: [0, 0] },
  'identity backup': {
    usage: 'FILE [--replace]',
    summary: 'writes key, rooms and the list of what you share, encrypted with a passphrase',
    options: ['replace'],
    words: [1, 1],
  },
  'identity restore': {
    usage: 'FILE [--replace]',
    summary: 'goes on with a backup; --replace: in the place of another identity',
    options: ['replace'],
    words: [1, 1],
  },
  'identity rotate': { usage: '[--yes]', summary: 'moves you to a new key', options: ['yes'], words: [0, 0] },
  'identity revocation': {
    usage: 'FILE [--replace]',
    summary: 'writes the certificate that ends your key when it is lost',
    options: ['replace'],
    words: [1, 1],
  },
  'identity revoke': {
    usage: 'FILE [--yes]',
    summary: 'ends the key of a certificate, for good',
    options: ['yes'],
    words: [1, 1],
  },
  doctor: { usage: '', summary: 'what is wrong, and what to do', options: [], words: [0, 0] },
  'config get': { usage: '[KEY]', summary: 'shows settings', options: [], words: [0, 1] },
  'config set': { usage: 'KEY VALUE', summary: 'changes a setting', options: [], words: [2, 2] },
  serve: { usage: '', summary: 'stays and serves what is shared', options: [], words: [0, 0] },
  dht: { usage: '[--port N]', summary: 'one bootstrap node of an own DHT', options: ['port'], words: [0, 0] },
  demo: {
    usage: '[--ollama URL|auto [--base MODEL]]',
    summary: 'the whole main job on this machine, nothing of yours touched',
    options: ['ollama', 'base'],
    words: [0, 0],
  },
} as const satisfies Record<string, VerbSpec>;

export type VerbName = keyof typeof VERBS;

export function verbSpec(verb: VerbName): VerbSpec {
  return VERBS[verb];
}

/** The help text, of one verb or of all. */
export function usageText(verb?: VerbName): string {
  if (verb) return `lora-swarm ${verb} ${VERBS[verb].usage}`.trimEnd();

  const names = Object.keys(VERBS) as VerbName[];
  const width = Math.max(...names.map((name) => name.length));
  return [
    'lora-swarm [--home DIR] [--json] [--bootstrap HOST:PORT,…] [--host ADDR] VERB …',
    '',
    ...names.map((name) => `  ${name.padEnd(width)}  ${VERBS[name].summary}`),
    '',
    'lora-swarm VERB --help shows what a verb takes.',
    'LORA_SWARM_HOME, LORA_SWARM_BOOTSTRAP, LORA_SWARM_HOST and OLLAMA_HOST stand for options;',
    'LORA_SWARM_ROOM_CODE holds the code for `room join`, LORA_SWARM_PASSPHRASE that of a backup;',
    'LORA_SWARM_LOG=debug shows the log.',
  ].join('\n');
}
