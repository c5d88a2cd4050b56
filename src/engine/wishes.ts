// What a shell can ask of the engine, and what the engine says on its own. Types only: the same for the facade, the
// RPC between processes, the editor and the command line. Everything is plain data that survives JSON.

import type { AdapterProblem } from './adapter/adapterInfo';
import type {
  AdapterLineage,
  CompareRequest,
  CompareSide,
  InstallPlan,
  InstallRequest,
  InstallResult,
  MergeAdaptersRequest,
  MergeAdaptersResult,
  MergeIntoBasePlan,
  MergeIntoBaseRequest,
  MergeIntoBaseResult,
  MergePlanRequest,
  ModelfileExtras,
  OllamaAdapterState,
} from './deployWishes';
import type { Settings } from './settings';
import type {
  AdapterFormat,
  AdapterSummary,
  EngineState,
  IdentityState,
  LibraryState,
  PeerState,
  RoomState,
  TransferDetails,
  TransferState,
  VerdictKind,
  VerdictState,
} from './state';

export interface Inspection {
  readonly path: string;
  readonly format: AdapterFormat;
  readonly baseModel?: string;
  readonly architecture?: string;
  readonly rank?: number;
  readonly alpha?: number;
  readonly scale?: number;
  readonly targets: readonly string[];
  readonly pairs: number;
  readonly parameters: number;
  readonly bytes: number;
  readonly dtype?: string;
  readonly license?: string;
  /** Keys of the config, or of a GGUF, that hold paths of this machine and are taken out of what is shared. */
  readonly privateValues: readonly string[];
  readonly problems: readonly AdapterProblem[];
  /** Frobenius norm of scale·B·A per module, in module order. */
  readonly layers: readonly { readonly name: string; readonly norm: number }[];
}

export interface ShareRequest {
  readonly path: string;
  /** Ids or labels of joined rooms. */
  readonly rooms: readonly string[];
  /** `author/name` or `name`. */
  readonly name?: string;
  /** Only used when the config does not say. */
  readonly base?: string;
  readonly license?: string;
  readonly tags?: readonly string[];
  /** Proposals for the Modelfile that travel with the release. */
  readonly extras?: ModelfileExtras;
  /** Keep a copy in the store instead of reading the file where it is. */
  readonly copy?: boolean;
  /** The user confirmed that anyone can see it. Needed for `general`. */
  readonly isPublicConfirmed?: boolean;
}

export interface ShareResult {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly rooms: readonly string[];
  readonly link: string;
  readonly privateValues: readonly string[];
}

/** One adapter that somebody offers, or that is here. */
export interface AdapterEntry extends AdapterSummary {
  /** Ids of the rooms it is offered in. */
  readonly rooms: readonly string[];
  /** Public keys of peers that offer it now. */
  readonly sources: readonly string[];
  readonly isMine: boolean;
  readonly isDownloaded: boolean;
  readonly verdict?: VerdictState;
}

export interface AdapterDetails extends AdapterEntry {
  readonly version?: string;
  readonly createdAt?: number;
  readonly parents: readonly string[];
  readonly pairs: number;
  readonly signerFingerprint?: string;
  /** Author's text, only when the files are here. */
  readonly card?: string;
  readonly path?: string;
  readonly models: readonly string[];
  /** Norm of ΔW per module, only when the files are here. */
  readonly layers: readonly { readonly name: string; readonly norm: number }[];
  readonly problems: readonly AdapterProblem[];
  /** How it was made of `parents`. */
  readonly lineage?: AdapterLineage;
  /** What its author proposes for the Modelfile. */
  readonly extras?: ModelfileExtras;
}

export interface ListRequest {
  readonly room?: string;
  readonly mine?: boolean;
  readonly search?: string;
  /** Only what fits this local model. */
  readonly fits?: string;
  /** Only what fits one of the local models, whichever. */
  readonly fitsAny?: boolean;
  /** Only bases whose name contains this, whatever the case. */
  readonly base?: string;
  /** Inclusive. An adapter whose rank is unknown is left out when either is given. */
  readonly minRank?: number;
  readonly maxRank?: number;
  /** Inclusive, size of the package. */
  readonly maxBytes?: number;
  /** Only what this peer offers. Key in hex. */
  readonly peer?: string;
  readonly offset?: number;
  /** At most 200. */
  readonly limit?: number;
}

export interface GetRequest {
  /** Content id, 8 or more characters of it, or a name. */
  readonly target: string;
  readonly room?: string;
  readonly install?: boolean;
  readonly base?: string;
  readonly as?: string;
  /** Bytes per second for this download; 0 is no limit. */
  readonly maxRate?: number;
  /** Folder to copy the verified files to. */
  readonly out?: string;
}

export interface GetResult {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly seconds: number;
  /** How many peers gave chunks. */
  readonly sources: number;
  readonly resumedBytes: number;
  readonly refetchedBytes: number;
  readonly model?: string;
  readonly install?: InstallResult;
}

export interface DoctorCheck {
  readonly id: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly fix?: string;
}

export interface RoomInvite {
  readonly room: string;
  readonly code: string;
  readonly link: string;
}

/** A code that admits one device. */
export interface JoinCodeInvite extends RoomInvite {
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface RoomMember {
  readonly key: string;
  readonly name: string;
  /** What the user calls it. Only this machine knows. */
  readonly petname?: string;
  /** Five groups of four characters, to compare with the person. */
  readonly fingerprint: string;
  /** `guest`: it proved the room's code, and no admin has signed for it yet. */
  readonly role: 'creator' | 'admin' | 'member' | 'guest';
  readonly isOnline: boolean;
  readonly isOwner: boolean;
  readonly isMe: boolean;
  /** The user compared the fingerprint, or one of us two came by the other one's one-time code. */
  readonly isVerified: boolean;
  readonly verifiedBy?: 'compared' | 'invite';
  /** Milliseconds since 1970, by our own clock. */
  readonly lastSeenAt?: number;
}

export interface LocalModel {
  readonly name: string;
  readonly digest: string;
  readonly bytes: number;
  readonly architecture?: string;
  /** The model this one was made from, when it carries an adapter. */
  readonly adapterOf?: string;
  /** Made by us: `uninstall` may remove it. */
  readonly isOurs: boolean;
}

export interface FoundAdapter {
  readonly path: string;
  readonly format: AdapterFormat;
  readonly baseModel?: string;
  readonly rank?: number;
  readonly bytes: number;
}

/** What came out of a backup. */
export interface RestoredIdentity {
  readonly key: string;
  readonly fingerprint: string;
  readonly name: string;
  /** When the backup was made, milliseconds since 1970. */
  readonly createdAt: number;
  /** The identity was here already; rooms that were missing came back. */
  readonly isSame: boolean;
  readonly rooms: readonly { readonly id: string; readonly label: string }[];
  /** What was shared. Its weights are not in a backup: share it again from its files. */
  readonly shared: readonly { readonly id: string; readonly name: string; readonly rooms: readonly string[] }[];
}

/** Every wish: name, what it takes, what it gives. */
export interface Wishes {
  state: { params: Record<string, never>; result: EngineState };
  inspect: { params: { path: string }; result: Inspection };
  verdict: {
    params: { target: string; base?: string };
    result: { verdict: VerdictKind; reason: string; base?: string };
  };
  /** What an install would do, before it is asked for. Changes nothing. */
  planInstall: { params: InstallRequest; result: InstallPlan };
  /** One adapter out of several. */
  mergeAdapters: { params: MergeAdaptersRequest; result: MergeAdaptersResult };
  /** What `mergeIntoBase` would write, from headers alone. Changes nothing. */
  planMergeIntoBase: { params: MergePlanRequest; result: MergeIntoBasePlan };
  /** A whole model with the adapters in its weights. */
  mergeIntoBase: { params: MergeIntoBaseRequest; result: MergeIntoBaseResult };
  /** The same prompt to two models, temperature 0, streamed as progress. */
  compare: { params: CompareRequest; result: { base: CompareSide; model: CompareSide } };
  ollamaAdapters: { params: Record<string, never>; result: { adapters: readonly OllamaAdapterState[] } };
  convert: {
    params: { path: string; out: string; base: string; type?: 'source' | 'f32' | 'f16' | 'bf16' };
    result: { path: string; bytes: number; tensors: number; alpha: number };
  };
  share: { params: ShareRequest; result: ShareResult };
  unshare: { params: { target: string }; result: { id: string; name: string } };
  list: { params: ListRequest; result: { adapters: readonly AdapterEntry[]; total: number } };
  adapter: { params: { id: string }; result: AdapterDetails };
  get: { params: GetRequest; result: GetResult };
  /**
   * All that is known of one transfer; without a direction the download, else the upload. Asked 4 times a second while
   * somebody looks.
   *
   * @throws {LoraSwarmError} `ID_UNKNOWN` when there is none.
   */
  transfer: { params: { id: string; direction?: TransferState['direction'] }; result: TransferDetails };
  pause: { params: { id: string }; result: Record<string, never> };
  resume: { params: { id: string }; result: Record<string, never> };
  /** Ends it for everybody who asked for it, and removes what is there of it. */
  cancel: { params: { id: string }; result: Record<string, never> };
  /**
   * Changes the place of a download that waits for its turn: `first` is place 1. One that runs and is moved down lets the
   * first that waits go instead of it.
   */
  moveDownload: { params: { id: string; to: 'first' | 'up' | 'down' | 'last' }; result: Record<string, never> };
  /** Removes a downloaded adapter's files from the library. Models in Ollama stay. */
  forget: { params: { id: string }; result: { id: string; bytesFreed: number } };
  library: { params: Record<string, never>; result: { adapters: readonly LibraryState[] } };
  install: { params: InstallRequest; result: InstallResult };
  uninstall: { params: { model: string }; result: { model: string } };
  models: { params: Record<string, never>; result: { models: readonly LocalModel[] } };
  /** Adapters in these folders: run folders of trainers, at most 6 levels deep. */
  find: { params: { folders: readonly string[] }; result: { adapters: readonly FoundAdapter[] } };
  rooms: { params: Record<string, never>; result: { rooms: readonly RoomState[] } };
  /**
   * By a one-time code, or with `waitMs`, it waits until somebody of the room was met. Without both it only goes there.
   *
   * @throws {LoraSwarmError} `ROOM_NOT_FOUND` when nobody was: no such room, a wrong code, or nobody is there.
   */
  joinRoom: { params: { room: string; label?: string; waitMs?: number }; result: RoomState };
  createRoom: { params: { label?: string }; result: RoomInvite };
  leaveRoom: { params: { room: string }; result: { room: string } };
  /** Bytes per second, or `5MB`; 0 is no limit. What is not given stays. Counts at once, and over restarts. */
  setRoomLimits: {
    params: { room: string; download?: number | string; upload?: number | string };
    result: RoomState;
  };
  roomInvite: { params: { room: string }; result: RoomInvite };
  /** A code for one device, good for 24 hours unless said otherwise, and only while an engine of this folder runs. */
  roomInviteOnce: { params: { room: string; hours?: number }; result: JoinCodeInvite };
  /** Takes back the one-time codes that nobody used. */
  cancelInvites: { params: { room: string }; result: { room: string; cancelled: number } };
  roomMembers: { params: { room: string }; result: { members: readonly RoomMember[] } };
  /** Ends a member's access: the room gets a new secret that goes to the others only. */
  removeMember: { params: { room: string; peer: string }; result: RoomInvite };
  setRoomAdmin: { params: { room: string; peer: string; isAdmin: boolean }; result: RoomMember };
  /** What the user calls a member; empty takes the name back. */
  renameMember: { params: { room: string; peer: string; petname: string }; result: RoomMember };
  /** The user compared the fingerprint with the person. */
  verifyMember: { params: { room: string; peer: string; isVerified: boolean }; result: RoomMember };
  peers: { params: Record<string, never>; result: { peers: readonly PeerState[] } };
  identity: { params: Record<string, never>; result: IdentityState };
  /** Writes identity, rooms and the list of what is shared as one file, encrypted with the passphrase. */
  backUpIdentity: {
    params: { path: string; passphrase: string; isReplacing?: boolean };
    result: { path: string; bytes: number; rooms: number; shared: number };
  };
  /** Goes on with the identity and the rooms of a backup. The engine starts anew by itself. */
  restoreIdentity: {
    /** `isReplacing`: another identity that is in use here may go. */
    params: { path: string; passphrase: string; isReplacing?: boolean };
    result: RestoredIdentity;
  };
  /** Moves to a new key. The engine starts anew by itself. */
  rotateIdentity: {
    params: Record<string, never>;
    /** `isLinked`: what the old key signed counts as the new one's. Not so when the old key is revoked. */
    result: { key: string; fingerprint: string; oldKey: string; isLinked: boolean };
  };
  /** Writes the certificate that ends the present key. For the user to keep. */
  exportRevocation: { params: { path: string; isReplacing?: boolean }; result: { path: string; key: string } };
  /** Ends the key of a certificate, for good and for everybody. */
  revokeKey: {
    params: { path: string; isOwnConfirmed?: boolean };
    result: { key: string; fingerprint: string; isOwn: boolean };
  };
  doctor: { params: Record<string, never>; result: { checks: readonly DoctorCheck[] } };
  settings: { params: Record<string, never>; result: Settings };
  setSetting: { params: { key: string; value: unknown }; result: { key: string; value: unknown } };
}

export type WishName = keyof Wishes;

/** What the caller of a wish may hand along. */
export interface WishOptions {
  readonly signal?: AbortSignal;
  /** At most 4 times a second. */
  readonly onProgress?: (progress: WishProgress) => void;
}

export type WishProgress =
  | { readonly kind: 'hash'; readonly bytesDone: number; readonly bytesTotal: number }
  | { readonly kind: 'merge'; readonly bytesDone: number; readonly bytesTotal: number }
  /** `text` is all that this side has said so far, so that a shell that missed one still shows it whole. */
  | { readonly kind: 'compare'; readonly side: 'base' | 'model'; readonly text: string }
  | { readonly kind: 'find'; readonly message: string }
  | {
      readonly kind: 'transfer';
      readonly id: string;
      readonly bytesDone: number;
      readonly bytesTotal: number;
      readonly rate: number;
      readonly sources: number;
    }
  /** It stands still for a reason that is no want of a source: others go first, it is paused, the disk is full, … */
  | {
      readonly kind: 'wait';
      readonly id: string;
      readonly phase: TransferState['phase'];
      readonly place?: number;
      readonly problem?: NonNullable<TransferState['problem']>;
    }
  | { readonly kind: 'install'; readonly message: string };

/** The engine as a shell sees it: the facade itself, or a client of one in another thread or process. */
export interface EngineClient {
  wish<N extends WishName>(name: N, params: Wishes[N]['params'], options?: WishOptions): Promise<Wishes[N]['result']>;
}

/** What happens, as other extensions and `--json` see it. */
export type EngineEvent =
  | { readonly type: 'peer:connected'; readonly key: string; readonly name: string; readonly rooms: readonly string[] }
  | { readonly type: 'peer:disconnected'; readonly key: string }
  | { readonly type: 'peers:updated'; readonly count: number }
  | { readonly type: 'room:joined'; readonly room: string; readonly kind: RoomState['kind']; readonly label: string }
  | { readonly type: 'room:left'; readonly room: string }
  | {
      readonly type: 'adapters:available';
      readonly room: string;
      readonly added: readonly string[];
      readonly removed: readonly string[];
    }
  | {
      readonly type: 'transfer:progress';
      readonly id: string;
      readonly bytesDone: number;
      readonly bytesTotal: number;
      readonly rate: number;
      readonly sources: number;
    }
  | { readonly type: 'transfer:complete'; readonly id: string; readonly path: string; readonly bytes: number }
  | { readonly type: 'transfer:error'; readonly id: string; readonly code: string; readonly message: string }
  | { readonly type: 'source:changed'; readonly id: string; readonly name: string; readonly message: string };
