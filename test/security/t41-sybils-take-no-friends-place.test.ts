import assert from 'node:assert/strict';
import type NoiseSecretStream from '@hyperswarm/secret-stream';
import type { KeyPair } from 'hypercore-crypto';
import { silentLog } from '../../src/engine/log';
import { PeerBook } from '../../src/engine/net/peerBook';
import { makeGeneral } from '../../src/engine/net/roomBook';
import { generalKeys, roomProof } from '../../src/engine/net/roomKeys';
import { identityKeys } from '../../src/engine/release/release';
import { connectionOn } from '../helpers/memoryPeers';
import { memoryStreams } from '../helpers/memoryStreams';
import { SecurityGround, untilJoined } from '../helpers/securityGround';
import { opening, type Stranger } from '../helpers/strangers';

const ROOM = 'lora-swarm/room/1';

/** An engine's peers without a network: real Noise, real proofs, addresses of the internet. */
class Crossing {
  readonly room = makeGeneral();
  readonly book: PeerBook;
  readonly #theirs: NoiseSecretStream[] = [];

  constructor() {
    const events = {
      ...{ onSnapshot: noop, onDelta: noop, onGone: noop, onTransfer: noop, onRekey: noop, onHappen: noop },
      ...{ onChange: noop, onLead: noop, onMembers: noop, onMemberStatements: noop },
    };
    const parts = { lanes: undefined, rooms: () => [this.room], roomOf: () => undefined, myName: () => 'ana' };
    this.book = new PeerBook({ ...parts, swarm: undefined as never, events, log: silentLog });
  }

  /** Somebody dials us and proves the room. @returns whether they are in. */
  async arrive(address: string, keys = identityKeys()): Promise<boolean> {
    const { streams } = await memoryStreams({ keys: [keys, identityKeys()], hosts: [address, '198.51.100.1'] });
    const [theirs, ours] = streams;
    this.#theirs.push(theirs);
    this.book.enter(connectionOn(ours));
    if (ours.destroyed) return false;
    const { handshakeHash, publicKey, remotePublicKey } = theirs;
    const proof = roomProof(this.room.keys, 'ask', handshakeHash, publicKey, remotePublicKey);
    const answered = new Promise((resolve) => theirs.once('data', resolve).once('close', resolve));
    theirs.write(opening(1, ROOM, proof, Buffer.from([0])));
    await answered;
    return this.book.get(publicKey.toString('hex'))?.isIn('general') === true;
  }

  async leave(keys: KeyPair): Promise<void> {
    const peer = this.book.get(keys.publicKey.toString('hex'))!;
    peer.close();
    while (!peer.isClosed) await new Promise(setImmediate);
  }

  close(): void {
    this.book.close();
    for (const stream of this.#theirs) stream.destroy();
  }
}

describe('T41: very many keys from the internet', function () {
  this.timeout(20_000);

  const friend = identityKeys();
  let crossing: Crossing;
  beforeEach(async () => {
    crossing = new Crossing();
    assert.ok(await crossing.arrive('192.0.2.7', friend));
    await crossing.leave(friend);
  });
  afterEach(() => crossing.close());

  it('get eight places from one address, of a thousand tries, and a friend one at any time', async () => {
    let inside = 0;
    for (let i = 0; i < 1_000; i++) if (await crossing.arrive('203.0.113.9')) inside++;

    assert.equal(inside, 8);
    assert.ok(await crossing.arrive('192.0.2.7', friend));
  });

  it('from a hundred addresses get no place of a friend, and nobody nearby is kept out', async () => {
    let inside = 0;
    for (let i = 0; i < 100; i++) if (await crossing.arrive(`203.0.113.${i}`)) inside++;

    assert.equal(inside, 29, 'thirty strangers a minute join one room; the friend was one');
    assert.ok(await crossing.arrive('192.0.2.7', friend));
    assert.ok(await crossing.arrive('192.168.1.5'));
  });
});

describe('T41: one address with very many keys', function () {
  this.timeout(20_000);

  let ground: SecurityGround;
  before(function () {
    if (process.platform === 'darwin') this.skip(); // One loopback address only.
  });
  beforeEach(async () => {
    ground = await SecurityGround.open();
  });
  afterEach(() => ground.close());

  it('gets a bounded number of connections, and a known peer still gets in', async () => {
    const ana = await ground.rooms('ana');
    ana.rooms.joinGeneral();
    await untilJoined(ana);
    const ben = await ground.rooms('ben');
    ben.rooms.joinGeneral();
    await ana.until(() => ana.rooms.peers.count('general') === 1);
    await ben.close();
    await ana.until(() => ana.rooms.peers.count('general') === 0);

    // Each proves the room, as everybody can, and stays.
    const strangers = ground.strangers('127.0.0.2');
    const crowd: Stranger[] = [];
    for (let i = 0; i < 150; i++) {
      const one = await strangers.dial(ana.keys.publicKey);
      crowd.push(one);
      if (!one.isClosed) one.say(opening(1, ROOM, one.proof(generalKeys()), Buffer.from([0])));
    }
    await Promise.all(crowd.map((one) => one.next(0)));
    const inside = crowd.filter((one) => !one.isClosed);
    const again = await ground.rooms('ben', ben);
    await ana.until(() => ana.rooms.peers.get(again.key)?.isIn('general') === true);

    assert.equal(inside.length, 32);
  });
});

function noop(): void {
  // Nobody listens.
}
