import { keyPair } from 'hypercore-crypto';
import { silentLog } from '../../src/engine/log';
import { makeRumours, type Rumour } from '../../src/engine/net/gossip/rumour';
import { PeerBook, type PeerBookEvents } from '../../src/engine/net/peerBook';
import { makeGeneral } from '../../src/engine/net/roomBook';
import { generalKeys } from '../../src/engine/net/roomKeys';
import { signRelease, type SignedRelease } from '../../src/engine/release/release';
import { connectionOn } from './memoryPeers';
import { memoryStreams } from './memoryStreams';
import { TestRooms, makeRelease } from './testRooms';

/** The general room with so many peers on a DHT, and so many more whom each of those tells the others of. */
export class Crowd {
  readonly peers: TestRooms[] = [];
  readonly #simulated: PeerBook[] = [];

  constructor(private readonly bootstrap: readonly string[]) {}

  /** Real ones: a node of the DHT, connections and rooms each. They share one adapter each. Waits until each has some neighbours. */
  async join(count: number): Promise<void> {
    const fresh = Array.from(
      { length: count },
      (_, i) =>
        new TestRooms(this.bootstrap, `real-${this.peers.length + i}`, undefined, hostOf(this.peers.length + i)),
    );
    this.peers.push(...fresh);
    await Promise.all(fresh.map((peer) => peer.rooms.open()));
    for (const peer of fresh) {
      peer.offer('general', peer.name);
      peer.rooms.joinGeneral();
    }
    await Promise.all(
      fresh.map((peer) => peer.until(() => peer.rooms.peers.count('general') >= Math.min(4, count - 1))),
    );
  }

  /** One that was here before. */
  add(before: TestRooms): TestRooms {
    const again = new TestRooms(this.bootstrap, before.name, before, before.host);
    this.peers.push(again);
    return again;
  }

  /** Ones without a node, each connected to one of the real ones in memory, by the same encryption and messages. */
  async simulate(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, i) => this.#simulate(i)));
  }

  async close(): Promise<void> {
    for (const book of this.#simulated) book.close();
    await Promise.all(this.peers.map((peer) => peer.close()));
  }

  async #simulate(i: number): Promise<void> {
    const peer = this.peers[i % this.peers.length]!;
    const keys = keyPair();
    const offer = signRelease(makeRelease(`simulated-${i}`), keys);
    const { streams } = await memoryStreams({
      keys: [keys, peer.keys],
      hosts: [`10.1.${i >> 8}.${i & 255}`, '10.2.0.1'],
    });
    const book = speaker(offer, makeRumours(generalKeys().topic, keys, Date.now(), [offer]));
    this.#simulated.push(book);
    book.enter(connectionOn(streams[0], [generalKeys().topic]));
    peer.rooms.peers.enter(connectionOn(streams[1]));
  }
}

/** An address each, where loopback has more than one: of peers on one address only so many are let in, and remembered. */
const hostOf = (i: number): string => (process.platform === 'linux' ? `127.1.${i >> 8}.${(i & 255) + 1}` : '127.0.0.1');

/** A peer that says what it offers and passes nothing on: a thousand that listen to a thousand would be a million signatures. */
function speaker(offer: SignedRelease, rumours: readonly Rumour[]): PeerBook {
  const room = makeGeneral();
  room.feed.set([offer]);
  return new PeerBook({
    swarm: undefined as never, // Only `enter` dials nobody.
    lanes: undefined,
    rooms: () => [room],
    roomOf: () => room,
    myName: () => 'simulated',
    crowd: {
      enter: (link) => link.sendGossip({ kind: 'heard', names: rumours }),
      leave: () => undefined,
      hear: (link, message) => {
        if (message.kind === 'tellMe') link.sendGossip({ kind: 'rumours', rumours });
      },
    },
    events: new Proxy({} as PeerBookEvents, { get: () => () => undefined }),
    log: silentLog,
  });
}
