import type { KeyPair } from 'hypercore-crypto';
import type { Event } from '../events';
import type { Logger } from '../log';
import type { SignedRelease } from '../release/release';
import type { NetworkMode, RoomKind } from '../state';
import type { StrikeMemory } from './admission';
import type { Lanes } from './lane/lanes';
import type { PeerBookEvents } from './peerBook';
import type { Swarm } from './swarm';

/** What authors stated of their keys, as rooms tell it and hear it. */
export interface StatementTalk {
  toldIn(roomId: string): readonly Uint8Array[];
  /** @returns what was new, to be passed on in that room. */
  hear(roomId: string, list: readonly Uint8Array[]): readonly { readonly bytes: Uint8Array }[];
  /** All that was heard and stated. */
  all(): readonly Uint8Array[];
  readonly onDidChange: Event<void>;
}

/** How a room is remembered; the store's `RoomStore` fits. */
export interface RoomMemory {
  list(): readonly {
    readonly id: string;
    readonly kind: RoomKind;
    readonly label: string;
    readonly isJoined: boolean;
    readonly data: unknown;
  }[];
  put(record: { id: string; kind: RoomKind; label: string; isJoined: boolean; data: unknown }): void;
  remove(id: string): void;
}

export interface RoomsParts {
  readonly swarm: Swarm;
  readonly lanes?: Lanes | undefined;
  readonly keyPair: KeyPair;
  readonly host: string | undefined;
  readonly memory: RoomMemory;
  /** Who lied and is kept out; without it that ends with the process. */
  readonly strikes?: StrikeMemory;
  readonly myName: () => string;
  readonly mode: () => NetworkMode;
  /** Whether remembered rooms are switched on at start. */
  readonly joinAtStart: () => boolean;
  /** Bytes per second that a room may take, 0 for no limit. */
  readonly limitsOf?: (roomId: string) => { readonly download: number; readonly upload: number };
  /** What this machine offers in a room. */
  readonly offers: (roomId: string) => readonly SignedRelease[];
  readonly statements?: StatementTalk;
  readonly events: Pick<PeerBookEvents, 'onSnapshot' | 'onDelta' | 'onGone' | 'onTransfer' | 'onHappen'>;
  readonly uriScheme: string;
  readonly log: Logger;
}
