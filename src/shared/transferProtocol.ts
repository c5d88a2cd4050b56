import type { TransferDetails, TransferState } from '../engine/state';
import { isContentId } from './panelFields';

/** Cells of the chunk map. As many as a narrow panel can still tell apart, and what the engine gives at most. */
export const MAX_MAP_CELLS = 1_024;
/** What one cell of the map counts to: all of it. */
export const FULL_CELL = 255;
/** As many as one room may hold. Further ones are the slowest of all, and nobody reads on to them. */
export const MAX_TRANSFER_PEERS = 64;
/** Seconds that the curve of rates looks back. */
export const RATE_SECONDS = 60;

export type TransferDirection = TransferState['direction'];

/** One adapter can be fetched and given at the same time: each way has its page. */
export interface TransferPlace {
  readonly page: 'transfer';
  readonly id: string;
  readonly direction: TransferDirection;
}

export const QUEUE_MOVES = ['first', 'up', 'down', 'last'] as const;
export type QueueMove = (typeof QUEUE_MOVES)[number];

/** Webview to extension: where a download that waits for its turn goes. */
export interface TransferIntent {
  readonly type: 'moveDownload';
  readonly id: string;
  readonly to: QueueMove;
}

/**
 * Why nothing more comes of a transfer. `here`: all of it was fetched. `idle`: it is shared, and nobody takes it now.
 * `gone`: it was cancelled, or is not known.
 */
export type TransferEnd = 'here' | 'idle' | 'gone';

/** What the Transfer page draws. */
export interface TransferShown {
  readonly id: string;
  readonly direction: TransferDirection;
  /** The last that is known of it, also when it has ended. */
  readonly details?: TransferDetails;
  readonly end?: TransferEnd;
  /** Why nothing could be read of it. */
  readonly problem?: string;
}

export function parseTransferIntent(from: Readonly<Record<string, unknown>>): TransferIntent | undefined {
  const { id } = from;
  const to = QUEUE_MOVES.find((item) => item === from['to']);
  return to && isContentId(id) ? { type: 'moveDownload', id, to } : undefined;
}

export function parseTransferPlace(from: Readonly<Record<string, unknown>>): TransferPlace | undefined {
  const { id, direction } = from;
  if (!isContentId(id) || (direction !== 'download' && direction !== 'upload')) return undefined;
  return { page: 'transfer', id, direction };
}
