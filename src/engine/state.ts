// The whole of what a shell draws: plain data, no methods, no imports. Keys and ids are lower-case hex.

export type RoomKind = 'general' | 'local' | 'private';

/** How an adapter relates to a base model. `exact`: same digest or name and shape; `same-shape`: lineage unknown. */
export type VerdictKind = 'exact' | 'same-shape' | 'base-missing' | 'unfit';

export type AdapterFormat = 'peft' | 'mlx' | 'gguf';

export interface IdentityState {
  /** Ed25519 public key, hex. */
  readonly key: string;
  /** Short form for people: `k7f2…9q` style, from the key. */
  readonly fingerprint: string;
  readonly name: string;
  /** The key counts no more: all that it signs is shown as revoked. */
  readonly isRevoked?: boolean;
}

export interface RoomState {
  /** Stable, 16 hex characters; `general` and `local` for the two public kinds. */
  readonly id: string;
  readonly kind: RoomKind;
  readonly label: string;
  /** `joining` until the first announce or beacon went out; `offline` when the network can't carry it. */
  readonly phase: 'joining' | 'joined' | 'offline';
  readonly peers: number;
  readonly adapters: number;
  /** I created it. */
  readonly isOwner: boolean;
  /** Admins of a private room, and who created it, can let devices in for good, remove them and appoint others. */
  readonly isAdmin: boolean;
  /** Nobody of this private room was ever met: there may be no such room, the code may be wrong, or all are away. */
  readonly isUnmet: boolean;
  /**
   * Nobody of this private room talks to us any more. `removed`: an admin removed this device; what it has stays with it. `moved`: this key
   * moved on to another one elsewhere. `revoked`: this key was revoked. `over`: the key of who created the room was revoked, so nobody
   * can say any more who belongs to it.
   */
  readonly ended?: 'removed' | 'moved' | 'revoked' | 'over';
  /** Bytes per second that this room may take of the network, 0 for no limit of its own. */
  readonly downloadLimit: number;
  readonly uploadLimit: number;
}

export interface PeerState {
  readonly key: string;
  readonly name: string;
  /** What the user calls it, in a room that both are in. */
  readonly petname?: string;
  /** The user knows that the key belongs to whom it should. */
  readonly isVerified?: boolean;
  readonly rooms: readonly string[];
  readonly path: 'lan' | 'direct' | 'relay';
  readonly rttMs?: number;
  readonly adapters: number;
  /** How many of them in which room, by its id. Absent from an engine of before. */
  readonly adaptersIn?: Readonly<Record<string, number>>;
}

export interface VerdictState {
  readonly verdict: VerdictKind;
  readonly reason: string;
  /** Name of the local base model that the verdict is about. */
  readonly base?: string;
}

/** The facts of one adapter that every list shows. What is unknown is absent. */
export interface AdapterSummary {
  /** Content id, 64 hex characters. */
  readonly id: string;
  /** `author/name`; with the start of the author's key, `author~1f3c09ab/name`, where another key goes by a name like it. */
  readonly name: string;
  readonly author: string;
  /** The key that stands for the author now: the one that signed it, or the one that its author moved on to. */
  readonly authorKey?: string;
  /** The key that signed it counts no more: revoked, or given up before it signed this. */
  readonly isRevoked?: boolean;
  readonly format: AdapterFormat;
  readonly baseModel?: string;
  readonly architecture?: string;
  readonly rank?: number;
  readonly alpha?: number;
  readonly scale?: number;
  readonly targets: readonly string[];
  readonly dtype?: string;
  readonly parameters?: number;
  readonly bytes: number;
  readonly license?: string;
  readonly tags: readonly string[];
}

/** An adapter that this machine shares. */
export interface SharedState extends AdapterSummary {
  readonly rooms: readonly string[];
  readonly path: string;
  /** Peers that said they have it too. */
  readonly holders: number;
  /** `changed` and `missing`: the source is not what was shared, so it is not served. */
  readonly phase: 'serving' | 'changed' | 'missing' | 'off';
}

/** An adapter that was downloaded here. */
export interface LibraryState extends AdapterSummary {
  readonly path: string;
  /** Models that we made of it in the local Ollama. */
  readonly models: readonly string[];
  readonly addedAt: number;
}

/** `queued`: others go first. `waiting`: nobody can give us anything at the moment. */
export type TransferPhase = 'queued' | 'waiting' | 'running' | 'verifying' | 'paused' | 'failed' | 'done' | 'cancelled';

export interface TransferState {
  readonly id: string;
  readonly name: string;
  readonly direction: 'download' | 'upload';
  readonly phase: TransferPhase;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Bytes per second over the last seconds. */
  readonly rate: number;
  /** Peers that we fetch from, or that fetch from us. */
  readonly sources: number;
  readonly secondsLeft?: number;
  /** Place among the downloads that wait for their turn, from 1. */
  readonly place?: number;
  /** Peers that offer it now, whether they can give something or not. */
  readonly peers?: number;
  /** Why it waits or failed: code and a sentence for the user. */
  readonly problem?: { readonly code: string; readonly message: string };
}

/** One peer of a transfer, or this disk. */
export interface TransferPeerState {
  /** Public key, hex; empty for what is copied from this disk. */
  readonly key: string;
  readonly name: string;
  /** `disk`: another package here has the same chunks. `lane`: the fast connection within one network. */
  readonly path: 'disk' | 'lane' | 'lan' | 'direct' | 'relay';
  /** `resting`: left alone for a while, after it stalled or was busy. `idle`: nothing to do for it now. */
  readonly phase: 'opening' | 'active' | 'idle' | 'resting';
  /** Bytes per second over the last seconds. */
  readonly rate: number;
  /** Bytes of this transfer that went to it or came from it. */
  readonly bytes: number;
  /** Share of the package that it has, 0 to 1. */
  readonly has: number;
  readonly rttMs?: number;
}

/** All that is known of one transfer, for whoever looks at it. */
export interface TransferDetails {
  readonly transfer: TransferState;
  /** Chunks of 64 KiB; 0 until the manifest is there. */
  readonly chunks: number;
  /**
   * The package cut into at most 1,024 equal cells, in file order: what share of each is here, 0 to 255. Empty until the
   * manifest is there.
   */
  readonly held: readonly number[];
  /** The same cells: what share is asked of somebody now. */
  readonly asked: readonly number[];
  /** Who gives (a download) or takes (an upload), quickest first. */
  readonly peers: readonly TransferPeerState[];
  /** Bytes per second in each of the last 60 seconds, oldest first; shorter when it has not run that long. */
  readonly rates: readonly number[];
}

export interface OllamaState {
  readonly url: string;
  readonly isReachable: boolean;
  readonly version?: string;
  /** The route that an install would take on this version. */
  readonly route?: string;
}

/** One plain snapshot of the engine, sent to every shell at most 4 times a second. */
export interface EngineState {
  readonly identity: IdentityState;
  readonly network: {
    readonly mode: NetworkMode;
    /** False when something was joined and nothing answers. */
    readonly isOnline: boolean;
    /** The system says that this network costs by the byte; absent where it says nothing. */
    readonly isMetered?: boolean;
    /** UDP address that this engine's sockets are bound to; absent before anything was joined. */
    readonly address?: { readonly host: string; readonly port: number };
  };
  readonly rooms: readonly RoomState[];
  readonly peers: readonly PeerState[];
  readonly shared: readonly SharedState[];
  readonly library: readonly LibraryState[];
  readonly transfers: readonly TransferState[];
  readonly ollama?: OllamaState;
  /** Grows with every change of a room's catalog, so that a view knows when to ask for its page again. */
  readonly catalogRevision: number;
}

export type NetworkMode = 'all' | 'local' | 'private' | 'off';
