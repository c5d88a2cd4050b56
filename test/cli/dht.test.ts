import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { keyPair, randomBytes } from 'hypercore-crypto';
import HyperDHT from 'hyperdht';
import Hyperswarm from 'hyperswarm';
import { Terminal } from './terminal';

describe('lora-swarm dht', function () {
  this.timeout(30_000);
  const terminal = new Terminal();
  after(() => terminal.dispose());

  it('is enough for two peers to meet, every time', async () => {
    const node = terminal.start(['dht', '--port', '0', '--host', '127.0.0.1', '--json']);
    const { host, port } = (await node.line('listening')) as unknown as { host: string; port: number };

    for (let round = 0; round < 10; round++) {
      const [a, b] = [openSwarm(host, port), openSwarm(host, port)];
      const topic = randomBytes(32);
      const met = Promise.all([meet(a), meet(b)]);
      await a.join(topic).flushed();
      b.join(topic);
      await met;
      await Promise.all([a.destroy(), b.destroy()]);
    }

    node.signal('SIGINT');
    await node.exited;
    assert.equal(node.code, 130);
    assert.deepEqual(
      node.lines.map(({ type }) => type),
      ['listening', 'result'],
    );
  });

  it('joins another node that --bootstrap names', async () => {
    const first = terminal.start(['dht', '--port', '0', '--json']);
    const one = await first.line('listening');
    const second = terminal.start(['dht', '--port', '0', '--json', '--bootstrap', `127.0.0.1:${String(one['port'])}`]);
    const two = (await second.line('listening')) as unknown as { host: string; port: number };
    const [a, b] = [openSwarm('127.0.0.1', one['port'] as number), openSwarm(two.host, two.port)];
    const topic = randomBytes(32);

    const met = Promise.all([meet(a), meet(b)]);
    await a.join(topic).flushed();
    b.join(topic);

    await met;
    await Promise.all([a.destroy(), b.destroy(), first.kill(), second.kill()]);
  });

  it('says so when its port is taken or its address cannot be told to others', async () => {
    const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');

    const taken = await terminal.run(['dht', '--json', '--port', String(socket.address().port)]);
    const anywhere = await terminal.run(['dht', '--json', '--host', '0.0.0.0']);
    const nonsense = await terminal.run(['dht', '--json', '--port', 'x']);

    socket.close();
    assert.deepEqual([taken.code, taken.last['code']], [1, 'SETTING_INVALID']);
    assert.deepEqual([anywhere.code, anywhere.last['code']], [2, 'USAGE']);
    assert.deepEqual([nonsense.code, nonsense.last['code']], [2, 'USAGE']);
  });
});

function openSwarm(host: string, port: number): Hyperswarm {
  const dht = new HyperDHT({ bootstrap: [{ host, port }], host: '127.0.0.1', firewalled: false });
  return new Hyperswarm({ keyPair: keyPair(), dht });
}

/** Resolves when a byte came through: a stream that only says it is open may still be dead. */
function meet(swarm: Hyperswarm): Promise<unknown> {
  return new Promise((resolve) =>
    swarm.on('connection', (stream) => {
      stream.on('error', () => undefined);
      stream.write('x');
      stream.once('data', resolve);
    }),
  );
}
