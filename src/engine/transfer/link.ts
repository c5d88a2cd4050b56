import type { Event } from '../events';
import type { TransferMessage } from '../net/transferMessages';

/**
 * What a peer did wrong. `badData` is a lie about content: bytes, hashes or a manifest that do not hash right, which no
 * honest peer sends. The others break the protocol or are abuse, and may also be a bug.
 */
export type StrikeReason = 'badData' | 'protocol' | 'flood' | 'invalidRequests' | 'notReading';

/**
 * The transfer channel to one peer, as `net/` opens it: there from when both sides opened it until `onDidClose`, which
 * fires once. Messages arrive in the order in which they were sent.
 */
export interface TransferLink {
  /** Public key, hex. */
  readonly peerKey: string;
  /** Whether the peer is on this local network. */
  readonly isLan: boolean;
  /** Whether this is the fast connection within a network, that takes the place of the one that the rooms use. */
  readonly isLane: boolean;
  readonly rttMs: number | undefined;
  readonly isOpen: boolean;
  /**
   * @param onTaken the bytes of the message may be written over; called at once when they were copied, and never by a link
   * that keeps them.
   * @returns false when the message was queued behind others: wait for `onDidDrain` before sending more bulk.
   */
  send(message: TransferMessage, onTaken?: () => void): boolean;
  /** A handler that throws counts as a violation by the peer. `data.bytes` is only valid during the call. */
  readonly onDidReceive: Event<TransferMessage>;
  readonly onDidDrain: Event<void>;
  readonly onDidClose: Event<void>;
  /** Closes the connection and remembers the key: for 24 hours after `badData`. */
  strike(reason: StrikeReason): void;
}
