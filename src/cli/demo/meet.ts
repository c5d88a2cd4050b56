import fs from 'node:fs/promises';
import { LoraSwarmError } from '../../engine/errors';
import type { IdentityState } from '../../engine/state';
import type { AdapterEntry, ShareResult } from '../../engine/wishes';
import type { ServiceClient } from '../../service/client';
import { openDhtNode } from '../dhtNode';
import { formatBytes, shortId } from '../format';
import type { Place } from './place';

/** Two engines on loopback meet in milliseconds; a loaded machine may take a second. */
const MEET_MS = 20_000;

/** Nothing listens there, so an engine of the demo never finds the Ollama of the user. */
const NO_OLLAMA = '127.0.0.1:9';

export interface Swarm {
  /** Reads the fetched adapter. */
  readonly client: ServiceClient;
  readonly shared: ShareResult;
  /** Folder that was shared. */
  readonly source: string;
  /** As the other engine sees it in the room. */
  readonly offer: AdapterEntry;
}

/** An own DHT, two engines on it, an adapter that one shares in a private room, and the other that sees it there. */
export async function meet(place: Place, ollamaHost: string | undefined): Promise<Swarm> {
  const { context, ground, steps } = place;
  const { signal } = context;
  const { host } = ground;
  const node = await openDhtNode(host, 0, [], signal);
  ground.own(node.close);
  steps.done('network', { host, port: node.port }, `an own DHT at ${host}:${node.port}`);

  const bootstrap = [`${host}:${node.port}`];
  const open = async (name: string, ollama: string): Promise<Person> => {
    const client = await context.engineOf({ home: ground.path(name), host, bootstrap, ollamaHost: ollama });
    ground.own(() => client.close());
    await client.wish('setSetting', { key: 'identity.displayName', value: name }, { signal });
    return { client, identity: await client.wish('identity', {}, { signal }) };
  };
  const [ana, rui] = await Promise.all([open('ana', NO_OLLAMA), open('rui', ollamaHost ?? NO_OLLAMA)]);
  const people = [ana, rui].map(({ identity: { key, name, fingerprint } }) => ({ name, key, fingerprint }));
  steps.done(
    'engines',
    { engines: people },
    people.map(({ name, fingerprint }) => `${name} ${fingerprint}`).join(', ') + ': two folders, two keys',
  );

  const { source, room, shared } = await share(place, ana);
  const offer = await discover(place, rui, room, shared);
  return { client: rui.client, shared, source, offer };
}

interface Person {
  readonly client: ServiceClient;
  readonly identity: IdentityState;
}

async function share({ context: { signal }, ground, steps }: Place, { client }: Person) {
  const source = ground.path('runs', 'trained-r16');
  await fs.cp(ground.fixtures.adapter, source, { recursive: true });
  const { rank, alpha, baseModel, format } = await client.wish('inspect', { path: source }, { signal });
  const room = await client.wish('createRoom', { label: 'demo' }, { signal });
  const shared = await client.wish('share', { path: source, rooms: [room.room] }, { signal });
  steps.done(
    'share',
    { id: shared.id, name: shared.name, bytes: shared.bytes, format, rank, alpha, baseModel, room: room.room },
    `${shared.name}  ${shortId(shared.id)}  ${formatBytes(shared.bytes)}, ${format}, rank ${rank}, alpha ${alpha}, base ${baseModel}`,
    'signed, and offered in a private room',
  );
  return { source, room, shared };
}

async function discover(
  { context: { signal }, steps }: Place,
  { client }: Person,
  room: { readonly room: string; readonly code: string },
  { id }: ShareResult,
): Promise<AdapterEntry> {
  await client.wish('joinRoom', { room: room.code, label: 'demo' }, { signal });
  const offer = await firstOffer(client, room.room, id, signal);
  const { peers } = await client.wish('peers', {}, { signal });
  const peer = peers.find(({ key }) => offer.sources.includes(key));
  steps.done(
    'discover',
    { id, name: offer.name, sources: offer.sources, peer: peer?.name, path: peer?.path },
    `rui joined by the code, proved it to ${peer?.name ?? 'the peer'}, and sees ${offer.name}`,
  );
  return offer;
}

/** Asks when something new is offered, not by the clock. */
function firstOffer(client: ServiceClient, room: string, id: string, signal: AbortSignal): Promise<AdapterEntry> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      listening.dispose();
      signal.removeEventListener('abort', abort);
    };
    const fail = (error: unknown): void => {
      end();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const look = (): void => {
      client.wish('list', { room }, { signal }).then(({ adapters }) => {
        const offer = adapters.find((adapter) => adapter.id === id && adapter.sources.length > 0);
        if (!offer) return;
        end();
        resolve(offer);
      }, fail);
    };
    const abort = (): void => fail(signal.reason);
    const timer = setTimeout(() => fail(notMet()), MEET_MS);
    const listening = client.onDidHappen(({ type }) => {
      if (type === 'adapters:available' || type === 'peer:connected') look();
    });
    signal.addEventListener('abort', abort, { once: true });
    look();
  });
}

function notMet(): LoraSwarmError {
  return new LoraSwarmError(
    'NO_SOURCES',
    `The two engines did not meet in ${MEET_MS / 1000} s. Something on this machine keeps UDP on 127.0.0.1 from arriving: look at its firewall.`,
  );
}
