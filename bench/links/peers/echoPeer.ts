import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { answer } from '../../peers/calls';

// What a round trip between two processes takes, with nothing in it.

let socket: Socket | undefined;

const calls = {
  /** Sends back what comes. @returns the port. */
  async give({ host }: { host: string }): Promise<number> {
    const opened = await open(host);
    opened.on('message', (packet, { address, port }) => opened.send(packet, port, address));
    return opened.address().port;
  },

  /** @returns milliseconds of each. */
  async take({ host, from, port, times }: EchoParams): Promise<number[]> {
    const opened = await open(host);
    const took: number[] = [];
    while (took.length < times) {
      const start = performance.now();
      const back = once(opened, 'message');
      opened.send('there and back', port, from);
      await back;
      took.push(performance.now() - start);
    }
    return took;
  },
};

export interface EchoParams {
  readonly host: string;
  readonly from: string;
  readonly port: number;
  readonly times: number;
}

export type EchoCalls = typeof calls;

async function open(host: string): Promise<Socket> {
  socket = createSocket('udp4');
  socket.bind(0, host);
  await once(socket, 'listening');
  return socket;
}

answer(calls);
