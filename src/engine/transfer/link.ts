import type { TransferChannel } from '../net/transferChannel';

/**
 * What a peer did wrong. `badData` is a lie about content: bytes, hashes or a manifest that do not hash right, which no
 * honest peer sends. The others break the protocol or are abuse, and may also be a bug.
 */
export type StrikeReason = 'badData' | 'protocol' | 'flood' | 'invalidRequests' | 'notReading';

/** A channel of `net/` as transfers use it. */
export interface TransferLink extends Omit<TransferChannel, 'strike'> {
  /** Closes the connection and remembers the key: for 24 hours after `badData`. */
  strike(reason: StrikeReason): void;
}
