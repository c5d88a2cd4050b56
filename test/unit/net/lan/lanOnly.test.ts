import assert from 'node:assert/strict';
import { once } from 'node:events';
import HyperDHT, { type Udx, type UdxSocket } from 'hyperdht';
import { keepOnLan } from '../../../../src/engine/net/lan/lanOnly';

/** Of the public internet. Nothing is sent to it, which is what these tests are about; their sockets are on loopback. */
const OUTSIDE = '8.8.8.8';

describe('a node that is kept on the local network', () => {
  let node: HyperDHT;
  let udx: Udx;
  const sockets: UdxSocket[] = [];
  const open = (): UdxSocket => {
    const socket = udx.createSocket();
    sockets.push(socket);
    socket.bind(0, '127.0.0.1');
    return socket;
  };

  beforeEach(() => {
    node = new HyperDHT({ bootstrap: [], host: '127.0.0.1', firewalled: false });
    keepOnLan(node.udx);
    ({ udx } = node);
  });
  afterEach(async () => {
    await Promise.all(sockets.splice(0).map((socket) => socket.close()));
    await node.destroy({ force: true });
  });

  it('sends to addresses of the network and to no other', async () => {
    const [from, to] = [open(), open()];
    const came = once(to, 'message');

    const outside = await from.send(Buffer.from('a'), 53, OUTSIDE);
    from.trySend(Buffer.from('b'), 53, OUTSIDE);
    const inside = await from.send(Buffer.from('c'), to.address()!.port, '127.0.0.1');
    const [bytes] = (await came) as [Buffer];

    assert.deepEqual([outside, inside, bytes.toString()], [false, true, 'c']);
  });

  it('hears nothing from elsewhere, so it answers nobody there', () => {
    const socket = open();
    const heard: string[] = [];
    socket.on('message', (_bytes: Buffer, { host }: { host: string }) => heard.push(host));

    for (const host of [OUTSIDE, '10.1.2.3', '100.64.0.1', '192.168.0.1'])
      socket.emit('message', Buffer.from('x'), { host, port: 1, family: 4 });

    assert.deepEqual(heard, ['10.1.2.3', '192.168.0.1']);
  });

  it('ends a stream that a peer would lead outside', async () => {
    const socket = open();
    const stream = udx.createStream(1);
    const failed = once(stream, 'error') as Promise<[Error]>;

    stream.connect(socket, 2, 4_000, OUTSIDE);
    const [error] = await failed;

    assert.match(error.message, /not of the local network/);
    assert.equal(stream.connected, false);
  });

  it('refuses the first packet of a stranger from elsewhere, and asks for the others', () => {
    const asked: string[] = [];
    const stream = udx.createStream(1, {
      firewall: (_socket, _port, host) => {
        asked.push(host);
        return false;
      },
    }) as unknown as { _firewall(socket: unknown, port: number, host: string): boolean; destroy(): void };

    assert.equal(stream._firewall(null, 1, OUTSIDE), true);
    assert.equal(stream._firewall(null, 1, '10.0.0.1'), false);
    assert.deepEqual(asked, ['10.0.0.1']);
    stream.destroy();
  });

  it('looks up no name', async () => {
    await assert.rejects(udx.lookup('node1.hyperdht.org'), /not looked up/);
  });
});
