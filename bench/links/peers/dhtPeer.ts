import createTestnet, { type Testnet } from 'hyperdht/testnet';
import { answer } from '../../peers/calls';

// A DHT of its own at an address, for who is in the same network.

/** As many as the tests have: with fewer, some first connections fail. */
const NODES = 10;

let testnet: Testnet | undefined;

const calls = {
  /** @returns `HOST:PORT` of its nodes. */
  async open({ host }: { host: string }): Promise<string[]> {
    testnet = await createTestnet(NODES, { host });
    return testnet.bootstrap.map((node) => `${node.host}:${node.port}`);
  },
};

export type DhtCalls = typeof calls;

answer(calls);
