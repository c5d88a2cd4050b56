import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { answer } from '../../peers/calls';

// WebTorrent over TCP alone: no DHT, no tracker, no local discovery; who has what is said here.

let client: Client | undefined;

const calls = {
  /** Shares one file. @returns the torrent, and the port. */
  async give({ module, path }: { module: string; path: string }): Promise<{ torrent: string; port: number }> {
    client = await openClient(module);
    const torrent = await new Promise<Torrent>((resolve) => client!.seed(path, { announce: [] }, resolve));
    return { torrent: Buffer.from(torrent.torrentFile).toString('base64'), port: client.torrentPort };
  },

  /** Fetches it into a folder. @returns milliseconds from naming the peer to the whole, verified file. */
  async take({ module, torrent, peer, folder }: TorrentTake): Promise<number> {
    client = await openClient(module);
    const added = client.add(Buffer.from(torrent, 'base64'), { path: folder, announce: [] });
    if (!added.ready) await once(added, 'ready');
    const start = performance.now();
    added.addPeer(peer);
    await once(added, 'done');
    return performance.now() - start;
  },
};

export interface TorrentTake {
  readonly module: string;
  /** Base64 of the torrent file. */
  readonly torrent: string;
  /** `HOST:PORT` */
  readonly peer: string;
  readonly folder: string;
}

export type TorrentCalls = typeof calls;

/** The little of WebTorrent that is used here. It brings no types. */
interface Torrent extends NodeJS.EventEmitter {
  readonly torrentFile: Uint8Array;
  readonly ready: boolean;
  addPeer(address: string): void;
}

interface Client extends NodeJS.EventEmitter {
  readonly torrentPort: number;
  seed(path: string, options: object, seeding: (torrent: Torrent) => void): void;
  add(torrent: Buffer, options: object): Torrent;
}

async function openClient(module: string): Promise<Client> {
  const { default: WebTorrent } = (await import(pathToFileURL(module).href)) as {
    default: new (options: object) => Client;
  };
  const opened = new WebTorrent({
    dht: false,
    tracker: false,
    lsd: false,
    utp: false,
    natUpnp: false,
    natPmp: false,
    secure: 0,
  });
  opened.on('error', (error: unknown) => console.error(error));
  if (opened.torrentPort === 0) await once(opened, 'listening');
  return opened;
}

answer(calls);
