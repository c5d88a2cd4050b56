import { EventEmitter } from 'node:events';
import type { KeyPair } from 'hypercore-crypto';
import type NoiseSecretStream from '@hyperswarm/secret-stream';
import { silentLog } from '../../src/engine/log';
import type { JoinedRoom } from '../../src/engine/net/joinedRoom';
import type { Lanes } from '../../src/engine/net/lane/lanes';
import { Peer, type PeerEvents } from '../../src/engine/net/peer';
import type { Connection } from '../../src/engine/net/swarm';
import { identityKeys } from '../../src/engine/release/release';
import { memoryStreams } from './memoryStreams';
import { Turns } from '../../src/engine/net/turns';

const nothing = (): void => undefined;

/** Events of a peer that nobody listens to, but for these. */
export function peerEvents(events: Partial<PeerEvents>): PeerEvents {
  const quiet: Record<string, unknown> = { mayJoin: () => true, ...events };
  return new Proxy(quiet, { get: (from, name: string) => from[name] ?? nothing }) as unknown as PeerEvents;
}

export function connectionOn(stream: NoiseSecretStream, topics: readonly Buffer[] = []): Connection {
  const info = Object.assign(new EventEmitter(), { publicKey: stream.remotePublicKey, topics, client: true });
  return { stream, info: info };
}

export interface PeerEnd {
  readonly room: JoinedRoom;
  readonly events: Partial<PeerEvents>;
  readonly lanes?: Lanes | undefined;
  readonly keys?: KeyPair;
}

export interface MemoryPeers {
  readonly asking: Peer;
  readonly answering: Peer;
  /** The connection carries nothing any more, and neither side is told. */
  readonly cut: () => void;
}

/** Two peers of one room, connected in memory: the one that asks, and the one that answers. */
export async function memoryPeers(asks: PeerEnd, answers: PeerEnd): Promise<MemoryPeers> {
  const keys = [asks.keys ?? identityKeys(), answers.keys ?? identityKeys()] as const;
  const { streams, cut } = await memoryStreams({ keys });
  const [asking, answering] = [asks, answers].map(
    ({ room, events, lanes }, i) =>
      new Peer({
        connection: connectionOn(streams[i]!),
        rooms: () => [room],
        lanes,
        myName: () => 'tester',
        turns: new Turns(),
        events: peerEvents(events),
        log: silentLog,
      }),
  ) as [Peer, Peer];
  asking.ask(asks.room);
  return { asking, answering, cut };
}
