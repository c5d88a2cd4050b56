import type { Event } from '../events';
import type { TransferMessage } from './transferMessages';

/**
 * A way to one peer that carries the messages of transfers, in the order in which they were sent: there from when both sides
 * opened it until `onDidClose`, which fires once. There may be two, the one beside the rooms and the lane. What is said on one
 * is not known on the other.
 */
export interface TransferChannel {
  /** Public key, hex. */
  readonly peerKey: string;
  /** Whether the peer is on this local network. */
  readonly isLan: boolean;
  /** Whether this is the fast connection within a network, that takes the place of the one that the rooms use. */
  readonly isLane: boolean;
  readonly rttMs: number | undefined;
  readonly isOpen: boolean;
  /**
   * @param onTaken the bytes of the message may be written over; called at once when they were copied.
   * @returns false when the message was queued behind others: wait for `onDidDrain` before sending more bulk.
   */
  send(message: TransferMessage, onTaken?: () => void): boolean;
  /** A handler that throws counts as a violation by the peer. `data.bytes` is only valid during the call. */
  readonly onDidReceive: Event<TransferMessage>;
  readonly onDidDrain: Event<void>;
  readonly onDidClose: Event<void>;
  /** Closes the connection and remembers the key. */
  strike(reason: string): void;
}
