// Types of what is called of the programs that are measured beside ours. Their packages ship none.

declare module 'webtorrent' {
  import type { EventEmitter } from 'node:events';

  export interface Torrent extends EventEmitter {
    readonly torrentFile: Uint8Array;
    readonly ready: boolean;
    readonly done: boolean;
    addPeer(address: string): boolean;
  }

  export interface TorrentWire {
    /** `tcpOutgoing`, `utpOutgoing` and the incoming two. */
    readonly type: string;
  }

  export default class WebTorrent extends EventEmitter {
    static readonly UTP_SUPPORT: boolean;
    constructor(options: Readonly<Record<string, boolean | number>>);
    readonly torrentPort: number;
    seed(path: string, options: object, onSeed: (torrent: Torrent) => void): Torrent;
    add(torrent: Uint8Array, options: object): Torrent;
  }
}

declare module 'corestore' {
  import type { Duplex } from 'node:stream';

  export default class Corestore {
    constructor(folder: string);
    ready(): Promise<void>;
    replicate(stream: Duplex): unknown;
    close(): Promise<void>;
  }
}

declare module 'localdrive' {
  export default class Localdrive {
    constructor(folder: string);
    mirror(to: unknown): { done(): Promise<void> };
  }
}

declare module 'hyperdrive' {
  import type Corestore from 'corestore';

  export default class Hyperdrive {
    constructor(store: Corestore, key?: Uint8Array);
    readonly key: Buffer;
    ready(): Promise<void>;
    /** Whether there is something new, once a peer was asked. */
    update(options?: { readonly wait?: boolean }): Promise<boolean>;
    mirror(to: unknown): { done(): Promise<void> };
    close(): Promise<void>;
  }
}
