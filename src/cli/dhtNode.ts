import dgram from 'node:dgram';
import { once } from 'node:events';
import HyperDHT from 'hyperdht';
import { LoraSwarmError } from '../engine/errors';
import { parseHostPort } from '../engine/settings';

/** A DHT node that others name as bootstrap. */
export interface DhtNode {
  readonly host: string;
  readonly port: number;
  readonly close: () => Promise<void>;
}

/**
 * Starts one node of a DHT: the first of an own one, or one more of that which `bootstrap` names.
 *
 * @param port 0 takes any that is free.
 * @param host IPv4 address that others reach.
 * @throws {LoraSwarmError} `SETTING_INVALID` when the address cannot be used.
 */
export async function openDhtNode(
  host: string,
  port: number,
  bootstrap: readonly string[],
  signal: AbortSignal,
): Promise<DhtNode> {
  const chosen = await freePort(host, port);
  const fixed = { host, port: chosen, ephemeral: false, firewalled: false, anyPort: false };
  const node =
    bootstrap.length > 0
      ? new HyperDHT({ ...fixed, bootstrap: bootstrap.map(parseHostPort) })
      : HyperDHT.bootstrapper(chosen, host, fixed);
  const close = (): Promise<void> => node.destroy({ force: true });
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    await Promise.race([node.fullyBootstrapped(), aborted]);
  } catch (error) {
    await close();
    throw portRefused(host, chosen, error);
  }
  if (signal.aborted) await close();
  signal.throwIfAborted();
  return { host, port: chosen, close };
}

/** Asked for here, because a busy port shows late in HyperDHT, and 0 would become its default. */
async function freePort(host: string, port: number): Promise<number> {
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
