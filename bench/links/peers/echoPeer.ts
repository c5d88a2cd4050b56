import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { answer } from '../../peers/calls';

// What a round trip between two processes takes: of a packet, and of a question with an answer as long as a chunk.

const CHUNK = Buffer.alloc(64 * 1024, 'lora');

const calls = {
  /** Sends back each packet, and a chunk for each byte that comes over TCP. */
  async give({ host }: { host: string }): Promise<{ udp: number; tcp: number }> {
    const packets = await open(host);
    packets.on('message', (packet, { address, port }) => packets.send(packet, port, address));
    const server = net.createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => undefined).on('data', () => socket.write(CHUNK));
    });
    server.listen(0, host);
    await once(server, 'listening');
    return { udp: packets.address().port, tcp: (server.address() as net.AddressInfo).port };
  },

  /** @returns milliseconds of each round trip of a packet. */
  async packets({ host, from, udp, times }: EchoParams): Promise<number[]> {
    const socket = await open(host);
    const took: number[] = [];
    while (took.length < times) {
      const start = performance.now();
      const back = once(socket, 'message');
      socket.send('there and back', udp, from);
      await back;
      took.push(performance.now() - start);
    }
    return took;
  },

  /** @returns milliseconds until each chunk was whole, on one connection that rests in between. */
  async chunks({ host, from, tcp, times, restMs }: EchoParams & { restMs: number }): Promise<number[]> {
    const socket = net.connect({ host: from, port: tcp, localAddress: host, noDelay: true });
    await once(socket, 'connect');
    const took: number[] = [];
    while (took.length < times) {
      await setTimeout(restMs);
      const start = performance.now();
      socket.write('.');
      for (let got = 0; got < CHUNK.length;) {
        const [data] = (await once(socket, 'data')) as [Buffer];
        got += data.length;
      }
      took.push(performance.now() - start);
    }
    return took;
  },
};

export interface EchoParams {
  readonly host: string;
  readonly from: string;
  readonly udp: number;
  readonly tcp: number;
  readonly times: number;
}

export type EchoCalls = typeof calls;

async function open(host: string): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  socket.bind(0, host);
  await once(socket, 'listening');
  return socket;
}

answer(calls);
