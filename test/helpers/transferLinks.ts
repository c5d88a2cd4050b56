import NoiseSecretStream from '@hyperswarm/secret-stream';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import Protomux from 'protomux';
import { PeerLink } from '../../src/engine/net/peerLink';
import { identityKeys } from '../../src/engine/release/release';
import type { TransferLink } from '../../src/engine/transfer/link';

/** One end of a connection, with what the tests want to see of it. */
export interface LinkEnd {
  readonly link: TransferLink;
  /** What this end said against the other. */
  readonly strikes: string[];
  /** Plain bytes that came in on the wire. */
  bytesRead(): number;
  /** Stops or goes on taking bytes from the wire. */
  setReading(isReading: boolean): void;
  /** The connection breaks. */
  destroy(): void;
}

/** Connects two ends through real protomux over a real encrypted stream over TCP on loopback. */
export async function connect(): Promise<readonly [LinkEnd, LinkEnd]> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dialling = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [net.Socket];
  server.close();
  return await Promise.all([openEnd(dialling, true), openEnd(accepted, false)]);
}

async function openEnd(socket: net.Socket, isInitiator: boolean): Promise<LinkEnd> {
  socket.setNoDelay(true);
  const stream = new NoiseSecretStream(isInitiator, socket, { keyPair: identityKeys() });
  stream.on('error', () => undefined);
  await stream.opened;
  const strikes: string[] = [];
  const link = new PeerLink({
    mux: Protomux.from(stream),
    peerKey: stream.remotePublicKey.toString('hex'),
    isLan: true,
    rttMs: () => undefined,
    onStrike: (reason) => {
      strikes.push(reason);
      stream.destroy();
    },
    onViolation: (error) => {
      strikes.push(String(error));
      stream.destroy();
    },
  });
  stream.on('close', () => link.end());
  await new Promise<void>((resolve) => link.open(resolve));
  return {
    link,
    strikes,
    bytesRead: () => socket.bytesRead,
    setReading(isReading) {
      if (isReading) socket.resume();
      else socket.pause();
    },
    destroy: () => stream.destroy(),
  };
}
