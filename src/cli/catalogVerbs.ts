import { parseBytes } from '../engine/settings';
import type { AdapterEntry, ListRequest } from '../engine/wishes';
import type { ServiceClient } from '../service/client';
import { oneRoom, usage } from './args';
import { formatBytes, shortId, table } from './format';
import { cancelled, orNull, settled, type Verb, type VerbContext } from './verbContext';

/** The engine hands out at most this many at a time. */
const PAGE = 200;

/** An engine that has just started meets the peers of its rooms in a second or two. */
const FIRST_PEERS_MS = 6000;

export const list: Verb = async (context) => {
  const { args, output, signal } = context;
  if (args.options.ollama !== undefined) return listOllama(context);
  const client = await context.engine();
  const request = listRequest(context);

  const first = await settled(
    () => askAll(client, request, signal),
    (adapters) => adapters.length > 0 || !mayMeetPeers(client) || request.mine === true,
    FIRST_PEERS_MS,
    signal,
  );
  if (!args.options.watch) {
    output.result(fieldsOf(first), linesOf(first, output));
    return;
  }

  let known = new Map(first.map((adapter) => [adapter.id, adapter]));
  for (const line of linesOf(first, output)) output.note(line);
  let asking = Promise.resolve();
  const listening = client.onDidHappen((event) => {
    if (event.type !== 'adapters:available') return;
    if (output.isJson) output.event(event);
    asking = asking.then(async () => {
      const now = await askAll(client, request, signal).catch(() => [...known.values()]);
      for (const adapter of now) if (!known.has(adapter.id)) output.note(`+ ${lineOf(adapter)}`);
      const left = new Set(now.map(({ id }) => id));
      for (const adapter of known.values()) if (!left.has(adapter.id)) output.note(`- ${lineOf(adapter)}`);
      known = new Map(now.map((adapter) => [adapter.id, adapter]));
    });
  });
  await cancelled(signal);
  listening.dispose();
  output.result(fieldsOf([...known.values()]), []);
};

/** What `share`, `inspect`, `install` and the others take as `ollama:MODEL`. */
const listOllama: Verb = async ({ args, engine, output, signal }) => {
  const [other] = (['room', 'mine', 'search', 'fits', 'watch'] as const).filter((name) => args.options[name]);
  if (other) throw usage(`--ollama lists what is inside Ollama; --${other} is for what rooms offer.`);
  const client = await engine();
  const { adapters } = await client.wish('ollamaAdapters', {}, { signal });

  const rows = adapters.map(({ target, base, isOurs, digest }) => [
    target,
    base,
    isOurs ? 'yes' : 'no',
    digest.replace('sha256:', '').slice(0, 12),
  ]);
  output.result(
    { ollamaAdapters: adapters.map((adapter) => ({ ...adapter, base: orNull(adapter.base) })) },
    adapters.length === 0
      ? ['No model of Ollama carries an adapter.']
      : table(['TARGET', 'BASE', 'OURS', 'DIGEST'], rows),
  );
};

export const get: Verb = async ({ args, engine, output, resolve, resolveTarget, signal }) => {
  const { install, base, as, out } = args.options;
  const maxRate = args.options['max-rate'];
  const room = oneRoom(args.options);
  const client = await engine();
  const listening = client.onDidHappen((event) => {
    // The wish has its own progress; what other downloads do is not this command's.
    if (event.type !== 'transfer:progress' && output.isJson) output.event(event);
  });

  const got = await client.wish(
    'get',
    {
      target: args.words[0]!,
      ...(room === undefined ? {} : { room }),
      ...(install ? { install } : {}),
      ...(base === undefined ? {} : { base: resolveTarget(base) }),
      ...(as === undefined ? {} : { as }),
      ...(maxRate === undefined ? {} : { maxRate: parseBytes(maxRate) }),
      ...(out === undefined ? {} : { out: resolve(out) }),
    },
    { signal, onProgress: output.progress },
  );
  listening.dispose();

  const rate = got.seconds > 0 ? `, ${formatBytes((got.bytes - got.resumedBytes) / got.seconds)}/s` : '';
  const resumed = got.resumedBytes > 0 ? `, ${formatBytes(got.resumedBytes)} were here` : '';
  output.result(got, [
    `${output.bold(got.name)}  ${shortId(got.id)}  verified`,
    `${formatBytes(got.bytes)} in ${got.seconds.toFixed(1)} s from ${got.sources} sources${rate}${resumed}`,
    got.path,
    ...(got.install ? [`effect: ${got.install.effect.reason}`] : []),
    ...(got.model === undefined ? [] : [`ollama run ${got.model}`]),
  ]);
};

export const peers: Verb = async ({ engine, output, signal }) => {
  const client = await engine();
  const { peers: found } = await settled(
    () => client.wish('peers', {}, { signal }),
    (answer) => answer.peers.length > 0 || !mayMeetPeers(client),
    FIRST_PEERS_MS,
    signal,
  );
  const fields = found.map((peer) => ({ ...peer, rttMs: orNull(peer.rttMs) }));
  const rows = found.map((peer) => [
    shortId(peer.key),
    peer.name,
    peer.path,
    peer.rttMs === undefined ? undefined : `${Math.round(peer.rttMs)} ms`,
    peer.adapters,
    peer.rooms.join(', '),
  ]);
  output.result(
    { peers: fields },
    found.length === 0
      ? ['Nobody. `lora-swarm doctor` says why.']
      : table(['KEY', 'NAME', 'PATH', 'RTT', 'ADAPTERS', 'ROOMS'], rows),
  );
};

function listRequest({ args }: VerbContext): ListRequest {
  const { mine, search, fits } = args.options;
  const room = oneRoom(args.options);
  return {
    ...(room === undefined ? {} : { room }),
    ...(mine ? { mine } : {}),
    ...(search === undefined ? {} : { search }),
    ...(fits === undefined ? {} : { fits }),
  };
}

/** An engine of our own that is in rooms but has met nobody yet. One that ran before us has met whom it can. */
function mayMeetPeers(client: ServiceClient): boolean {
  return client.isLeader && client.state.rooms.length > 0;
}

async function askAll(client: ServiceClient, request: ListRequest, signal: AbortSignal): Promise<AdapterEntry[]> {
  const found: AdapterEntry[] = [];
  for (;;) {
    const page = await client.wish('list', { ...request, offset: found.length, limit: PAGE }, { signal });
    found.push(...page.adapters);
    if (page.adapters.length === 0 || found.length >= page.total) return found;
  }
}

function fieldsOf(adapters: readonly AdapterEntry[]): object {
  return {
    adapters: adapters.map(({ sources, verdict, ...adapter }) => ({
      ...adapter,
      baseModel: orNull(adapter.baseModel),
      rank: orNull(adapter.rank),
      alpha: orNull(adapter.alpha),
      sources: sources.length,
      sourceKeys: sources,
      verdict: orNull(verdict?.verdict),
      ...(verdict ? { verdictReason: verdict.reason, verdictBase: orNull(verdict.base) } : {}),
    })),
  };
}

function linesOf(adapters: readonly AdapterEntry[], output: { bold(text: string): string }): string[] {
  if (adapters.length === 0) return ['Nothing is offered.'];
  const [header, ...rows] = table(
    ['ID', 'NAME', 'BASE', 'RANK', 'SIZE', 'SOURCES', 'FITS'],
    adapters.map((adapter) => [
      shortId(adapter.id),
      adapter.name,
      adapter.baseModel,
      adapter.rank,
      formatBytes(adapter.bytes),
      adapter.isMine ? 'mine' : adapter.sources.length,
      adapter.verdict?.verdict,
    ]),
  );
  return [output.bold(header!), ...rows];
}

function lineOf(adapter: AdapterEntry): string {
  return `${shortId(adapter.id)}  ${adapter.name}  ${adapter.baseModel ?? '-'}  ${formatBytes(adapter.bytes)}`;
}
