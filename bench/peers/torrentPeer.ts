import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import WebTorrent, { type Torrent, type TorrentWire } from 'webtorrent';
import { answer } from './calls';
import { usageCalls } from './usage';

// WebTorrent with nothing but one connection, on loopback or the address that is named: nobody is looked for, nothing is
// announced.

let host = '127.0.0.1';
const QUIET = { dht: false, tracker: false, lsd: false, utPex: false, webSeeds: false, natUpnp: false, natPmp: false };

let client: WebTorrent | undefined;

const calls = {
  canUtp(): Promise<boolean> {
    return Promise.resolve(WebTorrent.UTP_SUPPORT);
  },

  /** Where it listens from now on: an address of a network that has nothing else in it. */
  bind(address: string): Promise<void> {
    host = address;
    return Promise.resolve();
  },

  /** Hashes a file. @returns the torrent of it, base64. */
  async make({ path }: { path: string }): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<Torrent>();
    open('tcp').seed(path, { announce: [], private: true }, resolve);
    return Buffer.from((await promise).torrentFile).toString('base64');
  },

  /** Shares what is in the folder. @returns the port. */
  async give({ torrent, folder, kind }: TorrentParams): Promise<number> {
    const opened = open(kind);
    const added = opened.add(Buffer.from(torrent, 'base64'), { path: folder, skipVerify: true });
    await until(added, 'done', () => added.done);
    return opened.torrentPort;
  },

  /** Gets ready to fetch into the folder. */
  async prepare({ torrent, folder, kind }: TorrentParams): Promise<void> {
    const added = open(kind).add(Buffer.from(torrent, 'base64'), { path: folder });
    await until(added, 'ready', () => added.ready);
    taking = { torrent: added, kind };
  },

  /** @returns milliseconds from naming the peer to the whole file, every piece of it verified. */
  async take({ port, from = host }: { port: number; from?: string }): Promise<{ readonly ms: number }> {
    const { torrent, kind } = taking!;
    const wire = once(torrent, 'wire') as Promise<[TorrentWire]>;
    const start = performance.now();
    torrent.addPeer(`${from}:${port}`);
    await until(torrent, 'done', () => torrent.done);
    const ms = performance.now() - start;
    const [{ type }] = await wire;
    if (!type.startsWith(kind)) throw new Error(`WebTorrent went over ${type}`);
    return { ms };
  },

  ...usageCalls(),
};

let taking: { readonly torrent: Torrent; readonly kind: TorrentKind } | undefined;

export type TorrentKind = 'tcp' | 'utp';

export interface TorrentParams {
  /** Base64 of the torrent file. */
  readonly torrent: string;
  readonly folder: string;
  readonly kind: TorrentKind;
}

export type TorrentCalls = typeof calls;

bindToHost();
answer(calls);

/** Not encrypted, which is the quickest that it can do. */
function open(kind: TorrentKind): WebTorrent {
  client = new WebTorrent({ ...QUIET, utp: kind === 'utp', secure: 0 });
  client.on('error', (error) => {
    throw error;
  });
  return client;
}

async function until(torrent: Torrent, event: string, isSo: () => boolean): Promise<void> {
  if (!isSo()) await once(torrent, event);
}

/** It has no option for the address, and would listen on every one. */
function bindToHost(): void {
  const server = net.Server.prototype as unknown as Listener;
  const { listen } = server;
  server.listen = function (at, onListening) {
    return listen.call(this, { ...(typeof at === 'number' ? { port: at } : at), host }, onListening);
  };
  if (!WebTorrent.UTP_SUPPORT) return;
  const { prototype } = createRequire(__filename)('utp-native') as { readonly prototype: UtpSocket };
  const { bind } = prototype;
  prototype.bind = function (port) {
    bind.call(this, port, host);
  };
}

interface Listener {
  listen: (this: Listener, at: number | net.ListenOptions, onListening: () => void) => Listener;
}

interface UtpSocket {
  bind: (this: UtpSocket, port: number, host?: string) => void;
}
