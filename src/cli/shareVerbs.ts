import { pause } from '../service/pace';
import type { ServiceClient } from '../service/client';
import type { RoomState } from '../engine/state';
import { usage } from './args';
import { proposedExtras } from './extras';
import { formatBytes, shortId } from './format';
import { pathOrOllama } from './targets';
import { cancelled, type Verb, type VerbContext } from './verbContext';

/** Announcing takes a second; offline it takes 24 s, and then nobody can be told anyway. */
const REACHABLE_MS = 10_000;

/** Hashes, signs and offers an adapter. The one who leads the engine then serves it until Ctrl-C. */
export const share: Verb = async (context) => {
  const { args, output, resolve, signal } = context;
  const { room, name, base, license, tag, copy, yes } = args.options;
  if (copy && args.options['in-place']) throw usage('Either --copy or --in-place.');

  const extras = await proposedExtras(args.options, resolve);
  const client = await context.engine();
  const listening = client.onDidHappen((event) => output.event(event));
  const shared = await client.wish(
    'share',
    {
      path: pathOrOllama(args.words[0]!, resolve),
      rooms: room ?? [],
      ...(name === undefined ? {} : { name }),
      ...(base === undefined ? {} : { base }),
      ...(license === undefined ? {} : { license }),
      ...(tag ? { tags: tag } : {}),
      ...(copy ? { copy } : {}),
      ...(extras ? { extras } : {}),
      ...(yes ? { isPublicConfirmed: true } : {}),
    },
    { signal, onProgress: output.progress },
  );

  const isWaiting = !args.options['no-wait'];
  const isServing = client.isLeader && isWaiting;
  if (isWaiting) await sayReady(context, client, shared);
  output.result(shared, [
    `${output.bold(shared.name)}  ${shortId(shared.id)}  ${formatBytes(shared.bytes)}`,
    ...(shared.privateValues.length > 0 ? [`kept private: ${shared.privateValues.join(', ')}`] : []),
    shared.rooms.length > 0 ? `offered in ${shared.rooms.join(', ')}` : 'offered in no room: only by its link',
    shared.link,
  ]);
  if (isServing) {
    output.note('Serving it until Ctrl-C.');
    await cancelled(signal);
  } else if (isWaiting) output.note('The LoRA Swarm that runs already serves it.');
  listening.dispose();
};

export const unshare: Verb = async ({ args, engine, output, resolveTarget, signal }) => {
  const client = await engine();
  const { id, name } = await client.wish('unshare', { target: resolveTarget(args.words[0]!) }, { signal });
  output.result({ id, name }, [`${name} is no longer offered.`]);
};

/** Stays, serves what is shared, and says what happens. */
export const serve: Verb = async (context) => {
  const { output, signal } = context;
  const client = await context.engine();
  const listening = client.onDidHappen((event) => output.event(event));

  await sayReady(context, client, {});
  const { identity, rooms, shared } = client.state;
  output.note(
    `Serving ${shared.length} adapters in ${rooms.length} rooms as ${identity.name || identity.fingerprint}. Ctrl-C ends it.`,
  );
  await cancelled(signal);

  listening.dispose();
  output.result({ key: identity.key, shared: client.state.shared.length }, []);
};

/** Tells that peers can reach us: the first announces went out, or the time for it is over. */
async function sayReady({ host, output, signal }: VerbContext, client: ServiceClient, fields: object): Promise<void> {
  await reachable(client, signal);
  const { identity, network } = client.state;
  output.event({
    type: 'ready',
    host: network.address?.host ?? host ?? '0.0.0.0',
    port: network.address?.port ?? null,
    key: identity.key,
    isOnline: network.isOnline,
    ...fields,
  });
}

async function reachable(client: ServiceClient, signal: AbortSignal): Promise<void> {
  const isJoining = (): boolean => client.state.rooms.some(({ phase }: RoomState) => phase === 'joining');
  const enough = new AbortController();
  const listening = client.onDidChangeState(() => {
    if (!isJoining()) enough.abort();
  });
  if (isJoining()) await pause(REACHABLE_MS, AbortSignal.any([signal, enough.signal]));
  listening.dispose();
}
