import type { Event } from '../events';
import type { TransferMessage } from './transferMessages';

/**
 * A way to one peer that carries the messages of transfers, in the order in which they were sent. There may be two: the one
 * beside the rooms, and the lane. What is said on one is not known on the other.
 */
export interface TransferChannel {
  /** Public key, hex. */
  readonly peerKey: string;
  readonly isLan: boolean;
  readonly isLane: boolean;
  readonly rttMs: number | undefined;
  readonly isOpen: boolean;
  /** @param onTaken the bytes of the message may be written over; called at once when they were copied. @returns false: wait for `onDidDrain`. */
  send(message: TransferMessage, onTaken?: () => void): boolean;
  readonly onDidReceive: Event<TransferMessage>;
  readonly onDidDrain: Event<void>;
  readonly onDidClose: Event<void>;
  strike(reason: string): void;
}
