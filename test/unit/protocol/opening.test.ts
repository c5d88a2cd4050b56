import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import c from 'compact-encoding';
import { silentLog } from '../../../src/engine/log';
import { JoinedRoom } from '../../../src/engine/net/joinedRoom';
import { catalogDelta, catalogPage, hello, rekey, type Rekey } from '../../../src/engine/net/messages';
import { Peer, type PeerEvents } from '../../../src/engine/net/peer';
import { privateKeys, roomProof } from '../../../src/engine/net/roomKeys';
import type { RoomLink } from '../../../src/engine/net/roomLink';
import type { Connection } from '../../../src/engine/net/swarm';
import { makeRelease } from '../../helpers/packages';
import { readVectors } from './vectorFile';
import { Turns } from '../../../src/engine/net/turns';

const { proofs } = readVectors<{
  readonly proofs: Readonly<Record<'secret' | 'handshakeHash' | 'asker' | 'answerer', Buffer>>;
}>('rooms');
// Written out, as they stand on the wire.
const ROOM_PROTOCOL = 'lora-swarm/room/1';
const ALIVE_PROTOCOL = 'lora-swarm/alive/1';
const TRANSFER_PROTOCOL = 'lora-swarm/transfer/1';
const NOTHING = new Uint8Array();
const REKEY: Rekey = {
  ...{ ownerKey: proofs.asker, oldNonce: proofs.asker, newNonce: proofs.answerer },
  ...{ removed: [], signature: proofs.handshakeHash },
};
const hex = (...parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString('hex');

/** One end of a connection that is encrypted already, as far as `Peer` looks at it. Remembers each frame it was given. */
class End extends Duplex {
  readonly sent: Buffer[] = [];
  readonly handshakeHash = proofs.handshakeHash;
  readonly rawStream = { remoteHost: '127.0.0.1', rtt: 1 };
  readonly rawBytesRead = 0;
  readonly rawBytesWritten = 0;
  other!: End;

  constructor(
    readonly publicKey: Buffer,
    readonly remotePublicKey: Buffer,
    readonly isInitiator: boolean,
  ) {
    super({ objectMode: true });
  }

  override _read(): void {
    // Frames are pushed when the other end writes them.
  }

  override _write(frame: Buffer, _encoding: string, done: () => void): void {
    this.sent.push(Buffer.from(frame));
    this.#arrive(Buffer.from(frame));
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#arrive(null);
    done(error);
  }

  /** Later, as from a network: no answer comes within the turn that asked. */
  #arrive(frame: Buffer | null): void {
    setImmediate(() => {
      if (!this.other.destroyed) this.other.push(frame);
    });
  }
}

interface Side {
  readonly end: End;
  readonly room: JoinedRoom;
  readonly peer: Peer;
  /** The other side proved the room. */
  readonly proven: Promise<RoomLink>;
  /** The other side's whole catalog came. */
  readonly told: Promise<unknown>;
  readonly strikes: string[];
}

function makeSide(end: End, secret: Buffer): Side {
  const room = new JoinedRoom('private', 'room', privateKeys(secret), { secret });
  const strikes: string[] = [];
  let onProven: (link: RoomLink) => void = () => undefined;
  let onTold: (entries: unknown) => void = () => undefined;
  const proven = new Promise<RoomLink>((resolve) => (onProven = resolve));
  const told = new Promise<unknown>((resolve) => (onTold = resolve));
  const nothing = (): void => undefined;
  const events: PeerEvents = {
    onProven: (_peer, link) => onProven(link),
    onSnapshot: (_link, entries) => onTold(entries),
    onStrike: (_peer, reason) => void strikes.push(reason),
    ...{ onHello: nothing, onDelta: nothing, onRekey: nothing },
    ...{ onLead: nothing, onMembers: nothing, onMemberStatements: nothing },
    ...{ onLeft: nothing, onTransfer: nothing, onAway: nothing, onClosed: nothing },
    ...{ mayJoin: () => true, mayGuess: () => true },
  };
  const connection = { stream: end, info: { topics: [] } } as unknown as Connection;
  const peer = new Peer({
    connection,
    rooms: () => [room],
    myName: () => 'Ana',
    turns: new Turns(),
    events,
    log: silentLog,
  });
  return { end, room, peer, proven, told, strikes };
}

/** Runs `use` with two peers on one connection; the asker dialled. */
async function withPeers(
  secrets: { readonly asker: Buffer; readonly answerer: Buffer },
  use: (asker: Side, answerer: Side) => Promise<void>,
): Promise<void> {
  const dialler = new End(proofs.asker, proofs.answerer, true);
  const dialled = new End(proofs.answerer, proofs.asker, false);
  dialler.other = dialled;
  dialled.other = dialler;
  const asker = makeSide(dialler, secrets.asker);
  const answerer = makeSide(dialled, secrets.answerer);
  try {
    await use(asker, answerer);
  } finally {
    const closed = [dialler, dialled].filter((end) => !end.closed).map((end) => once(end, 'close'));
    asker.peer.close();
    answerer.peer.close();
    await Promise.all(closed);
  }
}

const keys = privateKeys(proofs.secret);
const ask = roomProof(keys, 'ask', proofs.handshakeHash, proofs.asker, proofs.answerer);
const answer = roomProof(keys, 'answer', proofs.handshakeHash, proofs.answerer, proofs.asker);
const askBack = roomProof(keys, 'ask', proofs.handshakeHash, proofs.answerer, proofs.asker);
const both = { asker: proofs.secret, answerer: proofs.secret };

/** The frame that opens a channel: control channel 0, type 1, the sender's number for it, protocol, id, handshake. */
const openFrame = (number: number, protocol: string, id: Uint8Array, handshake?: Uint8Array): string =>
  hex(
    Buffer.of(0, 1, number),
    c.encode(c.string, protocol),
    c.encode(c.buffer, id),
    handshake ? c.encode(c.buffer, handshake) : NOTHING,
  );

/** Frames of message type `type` in the channel that the sender numbered `number`, without those two bytes. */
const framesOf = ({ end }: Side, number: number, type: number): Buffer[] =>
  end.sent.filter((frame) => frame[0] === number && frame[1] === type).map((frame) => frame.subarray(2));

describe('opening of a room', () => {
  it('is an opening with the proof as id, answered by one with the other proof as handshake', () =>
    withPeers(both, async (asker, answerer) => {
      asker.peer.ask(asker.room);
      await Promise.all([asker.proven, answerer.proven]);

      assert.equal(hex(asker.end.sent[0]!), openFrame(1, ROOM_PROTOCOL, ask, NOTHING));
      assert.equal(hex(answerer.end.sent[0]!), openFrame(1, ROOM_PROTOCOL, ask, answer));
      assert.deepEqual([asker.strikes, answerer.strikes], [[], []]);
    }));

  it('tells nothing to a peer of another room', () =>
    withPeers({ asker: proofs.secret, answerer: proofs.asker.subarray(0, 16) }, async (asker, answerer) => {
      const rejected = once(asker.end, 'data');
      asker.peer.ask(asker.room);
      await rejected;

      assert.equal(asker.end.sent.length, 1);
      assert.deepEqual(
        answerer.end.sent.map((frame) => hex(frame)),
        ['000201'],
      );
    }));

  it('lets the side that dialled ask when both ask at once', () =>
    withPeers(both, async (asker, answerer) => {
      asker.peer.ask(asker.room);
      answerer.peer.ask(answerer.room);
      await Promise.all([asker.proven, answerer.proven]);

      const sent = answerer.end.sent.slice(0, 3).map((frame) => hex(frame));
      assert.deepEqual(sent, [
        openFrame(1, ROOM_PROTOCOL, askBack, NOTHING),
        '000301',
        openFrame(2, ROOM_PROTOCOL, ask, answer),
      ]);
      assert.equal(asker.peer.links.size, 1);
      assert.deepEqual([asker.strikes, answerer.strikes], [[], []]);
    }));

  it('is followed by the channels for silence and for transfer', () =>
    withPeers(both, async (asker, answerer) => {
      asker.peer.ask(asker.room);
      await Promise.all([asker.proven, answerer.proven]);

      for (const side of [asker, answerer]) {
        const sent = side.end.sent.map((frame) => hex(frame));
        assert.ok(sent.includes(openFrame(2, ALIVE_PROTOCOL, NOTHING)));
        assert.ok(sent.includes(openFrame(3, TRANSFER_PROTOCOL, NOTHING)));
      }
    }));

  it('numbers the messages of a room', () =>
    withPeers(both, async (asker, answerer) => {
      const release = makeRelease('ab'.repeat(32));
      asker.room.feed.set([release]);
      asker.peer.ask(asker.room);
      const [link] = await Promise.all([asker.proven, answerer.told]);
      asker.room.feed.set([]);
      link.resync();
      link.sendRekey(REKEY);

      const greeting = c.decode(hello, framesOf(asker, 1, 0)[0]!);
      const page = c.decode(catalogPage, framesOf(asker, 1, 1)[0]!);
      const delta = c.decode(catalogDelta, framesOf(asker, 1, 2)[0]!);
      assert.equal(greeting.version, 1);
      assert.equal(greeting.name, 'Ana');
      assert.deepEqual([page.epoch, page.seq, page.isFirst, page.isLast], [greeting.epoch, 1, true, true]);
      assert.equal(hex(page.add[0]!.payload), hex(release.payload));
      assert.deepEqual(
        [delta.epoch, delta.seq, delta.remove.map((id) => hex(id))],
        [greeting.epoch, 2, ['ab'.repeat(32)]],
      );
      assert.deepEqual(
        framesOf(asker, 1, 3).map((frame) => hex(frame)),
        [''],
      );
      assert.equal(hex(framesOf(asker, 1, 4)[0]!), hex(c.encode(rekey, REKEY)));
    }));
});
