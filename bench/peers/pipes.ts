import { once } from 'node:events';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import NoiseSecretStream from '@hyperswarm/secret-stream';
import { keyPair } from 'hypercore-crypto';
import HyperDHT from 'hyperdht';

// The bare connections that programs of this kind are built on. All of them on loopback.

const HOST = '127.0.0.1';

export type PipeKind = 'tcp' | 'tls' | 'noise' | 'udx';

export interface PipeAddress {
  readonly port: number;
  /** Hex; of HyperDHT alone. */
  readonly key?: string;
}

/** What one write carries: as large as pays on TCP, and as our frames are on HyperDHT. */
export const PIECE_BYTES: Readonly<Record<PipeKind, number>> = {
  tcp: 1024 * 1024,
  tls: 1024 * 1024,
  noise: 1024 * 1024,
  udx: 256 * 1024,
};

/** TLS with a key that both ends know: no certificate, and the same ciphers as with one. */
const TLS = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' } as const;
const PSK = Buffer.alloc(32, 'pipe');

/** Waits for one connection after the other. */
export async function listenPipe(
  kind: PipeKind,
  bootstrap: readonly string[],
  onStream: (stream: Duplex) => void,
): Promise<PipeAddress> {
  if (kind === 'udx') {
    const node = openNode(bootstrap);
    const keys = keyPair();
    await node.createServer(onStream).listen(keys);
    return { key: keys.publicKey.toString('hex'), port: node.address()!.port };
  }
  const server =
    kind === 'tls'
      ? tls.createServer({ ...TLS, pskCallback: () => PSK, pskIdentityHint: '' }, onStream)
      : net.createServer((socket) => onStream(kind === 'noise' ? new NoiseSecretStream(false, socket) : socket));
  server.listen(0, HOST);
  await once(server, 'listening');
  return { port: (server.address() as net.AddressInfo).port };
}

/** @returns a connection that is open. */
export async function connectPipe(
  kind: PipeKind,
  bootstrap: readonly string[],
  { port, key }: PipeAddress,
): Promise<Duplex> {
  switch (kind) {
    case 'udx': {
      const node = openNode(bootstrap);
      await node.fullyBootstrapped();
      const stream = node.connect(Buffer.from(key!, 'hex'), { relayAddresses: [{ host: HOST, port }] });
      await stream.opened;
      return stream;
    }
    case 'tls': {
      const socket = tls.connect({
        ...TLS,
        host: HOST,
        port,
        pskCallback: () => ({ psk: PSK, identity: 'pipe' }),
        checkServerIdentity: () => undefined, // Who knows the key is the one.
      });
      await once(socket, 'secureConnect');
      return socket;
    }
    case 'noise': {
      const socket = await connectTcp(port);
      const stream = new NoiseSecretStream(true, socket);
      await stream.opened;
      return stream;
    }
    case 'tcp':
      return await connectTcp(port);
  }
}

async function connectTcp(port: number): Promise<net.Socket> {
  const socket = net.connect(port, HOST);
  await once(socket, 'connect');
  return socket;
}

function openNode(bootstrap: readonly string[]): HyperDHT {
  return new HyperDHT({ bootstrap, host: HOST, firewalled: false, keyPair: keyPair() });
}
