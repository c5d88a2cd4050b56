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
  /** Only the owner of a private room can remove members. */
  readonly isOwner: boolean;
}

export interface PeerState {
  readonly key: string;
  readonly name: string;
  readonly rooms: readonly string[];
  readonly path: 'lan' | 'direct' | 'relay';
  readonly rttMs?: number;
  readonly adapters: number;
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
  /** `author/name`. */
  readonly name: string;
  readonly author: string;
  readonly authorKey?: string;
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

export type TransferPhase = 'waiting' | 'running' | 'verifying' | 'paused' | 'failed' | 'done' | 'cancelled';

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
  /** Why it waits or failed: code and a sentence for the user. */
  readonly problem?: { readonly code: string; readonly message: string };
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
