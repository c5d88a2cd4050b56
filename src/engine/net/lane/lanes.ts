import { createHash } from 'node:crypto';
import type { AddressInfo, OnReadOpts, Socket } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { Resource, type Disposable } from '../../lifecycle';
import type { Logger } from '../../log';
import { isLanAddress } from '../address';
import { makeLaneCertificate, type LaneCertificate } from './laneCertificate';

/** A machine of the same network answers in milliseconds. */
const DIAL_MS = 1_000;
const HANDSHAKE_MS = 5_000;
/** Connections of all peers, also of those who have yet to show who they are. */
const MAX_SOCKETS = 128;
/** Name of the protocol in the handshake; which lane stands behind it. */
const ALPN = 'lora-swarm-lane/';
/** A TLS record holds 16 KiB; a larger buffer is not filled. */
const READ_BYTES = 65_536;
/**
 * AES-128-GCM costs half of what Noise costs per byte (measured on a CPU with AES). Where TLS does not let us choose, as in
 * the library of Electron, its own first choice is as safe.
 */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384';

export interface LanesParts {
  readonly host: string | undefined;
  readonly log: Logger;
}

export interface LaneAddress {
  readonly host: string;
  readonly port: number;
  /** SHA-256 of the certificate that has to be there. */
  readonly fingerprint: Uint8Array;
  readonly lane: string;
}

/** A connection to the peer that was expected, and no other. */
export interface LaneSocket {
  readonly socket: TLSSocket;
  /** Call it once: from then on `receive` gets what comes. The bytes are valid only during the call. */
  readonly start: (receive: (bytes: Uint8Array) => void) => void;
  /** Round trip of the dialling, milliseconds; what was measured on a busy machine is too long. */
  readonly rttMs: number;
  /** Which lane it belongs to, 16 hex digits that the side which dialled drew. */
  readonly lane: string;
}

/**
 * TCP connections between machines of one network, for chunks: TLS 1.3, where each end takes exactly the certificate whose
 * fingerprint the other end told on the encrypted connection of the rooms. Nobody else gets past the handshake.
 */
export class Lanes extends Resource {
  readonly #expected = new Map<string, (socket: LaneSocket) => void>();
  readonly #server: tls.Server | undefined;
  readonly #certificate: LaneCertificate | undefined;
  readonly #sockets = new Set<TLSSocket>();
  #port: Promise<number> | undefined;

  constructor(private readonly parts: LanesParts) {
    super();
    try {
      this.#certificate = makeLaneCertificate();
      this.#server = tls.createServer({
        ...this.#options(),
        requestCert: true,
        rejectUnauthorized: false, // By an authority; `#enter` looks for who it is.
        handshakeTimeout: HANDSHAKE_MS,
        // Who means something else is refused here.
        ALPNCallback: ({ protocols }) => protocols.find((protocol) => laneOf(protocol) !== undefined),
      });
    } catch (error) {
      parts.log.warn(`lane: off, TLS can't be set up (${String(error)})`);
    }
  }

  get fingerprint(): Buffer | undefined {
    return this.#certificate?.fingerprint;
  }

  /** Opens the port, once. @throws what the system says. */
  listen(): Promise<number> {
    return (this.#port ??= this.#listen());
  }

  /** Hands over the connection of whoever shows this certificate, when it comes. */
  expect(fingerprint: Uint8Array, onSocket: (socket: LaneSocket) => void): Disposable {
    const key = hexOf(fingerprint);
    this.#expected.set(key, onSocket);
    return {
      dispose: () => {
        if (this.#expected.get(key) === onSocket) this.#expected.delete(key);
      },
    };
  }

  /** @throws when nobody answers within a second, or somebody else does. */
  dial({ host, port, fingerprint, lane }: LaneAddress): Promise<LaneSocket> {
    const { promise, resolve, reject } = Promise.withResolvers<LaneSocket>();
    const taken = new EarlyBytes();
    const options: tls.ConnectionOptions & { readonly onread: OnReadOpts } = {
      ...this.#options(),
      host,
      port,
      ...(this.parts.host === undefined ? {} : { localAddress: this.parts.host }),
      rejectUnauthorized: false, // By an authority; `isFrom` checks who it is.
      ALPNProtocols: [`${ALPN}${lane}`],
      // One buffer for all that comes: a new one for each record costs more than deciphering it.
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BYTES),
        callback: (size, buffer) => {
          taken.take(buffer.subarray(0, size));
          return true;
        },
      },
    };
    const begun = performance.now();
    let rttMs = Infinity;
    const socket = tls.connect(options);
    socket.once('connect', () => (rttMs = performance.now() - begun));
    const late = setTimeout(() => socket.destroy(new Error('no answer')), DIAL_MS);
    this.#keep(socket);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.once('secureConnect', () => {
      clearTimeout(late);
      if (!isFrom(socket, fingerprint)) {
        socket.destroy();
        reject(new Error('somebody else answered'));
        return;
      }
      resolve({ socket, lane, rttMs, start: (receive) => taken.start(receive) });
    });
    return promise.finally(() => clearTimeout(late));
  }

  protected override _open(): Promise<void> {
    return Promise.resolve();
  }

  protected async _close(): Promise<void> {
    await this.#port?.catch(() => undefined);
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server?.listening) await new Promise((resolve) => this.#server?.close(resolve));
  }

  async #listen(): Promise<number> {
    const server = this.#server;
    if (!server) throw new Error('there is no TLS');
    server.maxConnections = MAX_SOCKETS;
    server.on('connection', (socket: Socket) => {
      // Everybody of the network may knock; nobody else.
      if (!isLanAddress(socket.remoteAddress)) socket.destroy();
    });
    server.on('tlsClientError', (error) => this.parts.log.trace(`lane: ${error.message}`));
    server.on('secureConnection', (socket) => this.#enter(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: 0, host: this.parts.host ?? '0.0.0.0' }, resolve);
    });
    server.on('error', (error: Error) => this.parts.log.warn(`lane: ${error.message}`));
    server.unref();
    return (server.address() as AddressInfo).port;
  }

  #enter(socket: TLSSocket): void {
    this.#keep(socket);
    const shown = fingerprintOf(socket);
    const onSocket = shown && this.#expected.get(hexOf(shown));
    const lane = laneOf(socket.alpnProtocol || '');
    if (!onSocket || lane === undefined) {
      socket.destroy();
      return;
    }
    onSocket({ socket, lane, rttMs: Infinity, start: (receive) => void socket.on('data', receive) });
  }

  #keep(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.on('error', (error: Error) => this.parts.log.trace(`lane: ${error.message}`));
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #options(): tls.SecureContextOptions {
    const { certificate: cert, key } = this.#certificate!;
    const options: tls.SecureContextOptions = {
      cert,
      key: key.export({ type: 'pkcs8', format: 'pem' }),
      minVersion: 'TLSv1.3',
    };
    try {
      tls.createSecureContext({ ...options, ciphers: CIPHERS });
      return { ...options, ciphers: CIPHERS };
    } catch {
      return options;
    }
  }
}

/** Keeps what comes with the end of the handshake until somebody takes it. */
class EarlyBytes {
  #early: Uint8Array[] | undefined = [];
  #receive: ((bytes: Uint8Array) => void) | undefined;

  take(bytes: Uint8Array): void {
    if (this.#receive) this.#receive(bytes);
    else this.#early?.push(Uint8Array.from(bytes));
  }

  start(receive: (bytes: Uint8Array) => void): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const bytes of early) receive(bytes);
    this.#receive = receive;
  }
}

function fingerprintOf(socket: TLSSocket): Buffer | undefined {
  const certificate = socket.getPeerX509Certificate();
  return certificate && createHash('sha256').update(certificate.raw).digest();
}

function laneOf(protocol: string): string | undefined {
  return /^lora-swarm-lane\/([0-9a-f]{16})$/.exec(protocol)?.[1];
}

function isFrom(socket: TLSSocket, fingerprint: Uint8Array): boolean {
  return fingerprintOf(socket)?.equals(fingerprint) === true;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
