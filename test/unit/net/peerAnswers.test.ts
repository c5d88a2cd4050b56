import assert from 'node:assert/strict';
import { silentLog } from '../../../src/engine/log';
import type { JoinedRoom } from '../../../src/engine/net/joinedRoom';
import { Peer } from '../../../src/engine/net/peer';
import { makePrivate } from '../../../src/engine/net/roomBook';
import type { TransferChannel } from '../../../src/engine/net/transferChannel';
import { connectionOn, peerEvents } from '../../helpers/memoryPeers';
import { memoryStreams } from '../../helpers/memoryStreams';
import { Turns } from '../../../src/engine/net/turns';

describe('two peers, one of whom goes to the next room before it hears an answer for the last', () => {
  it('have the channels that a connection has once', async () => {
    const rooms = [makePrivate(Buffer.alloc(16, 1)), makePrivate(Buffer.alloc(16, 2))] as const;
    const { streams } = await memoryStreams();
    const opened: TransferChannel[] = [];
    const both = new Promise<void>((resolve) => {
      const onTransfer = (channel: TransferChannel): void => {
        if (opened.push(channel) === 2) resolve();
      };
      const [asking] = streams.map((stream) => makePeer(stream, rooms, { onTransfer })) as [Peer, Peer];

      asking.ask(rooms[0]);
      asking.leave(rooms[0]);
      asking.ask(rooms[1]);
    });

    await both;

    assert.deepEqual(
      opened.map(({ isOpen }) => isOpen),
      [true, true],
    );
    for (const stream of streams) stream.destroy();
  });
});

function makePeer(
  stream: Parameters<typeof connectionOn>[0],
  rooms: readonly JoinedRoom[],
  events: Parameters<typeof peerEvents>[0],
): Peer {
  return new Peer({
    connection: connectionOn(stream),
    rooms: () => rooms,
    myName: () => 'tester',
    turns: new Turns(),
    events: peerEvents(events),
    log: silentLog,
  });
}
