import type { ClosedReason, HaveMessage, TransferMessage } from '../net/transferMessages';
import { PeerFault, retryIn, type ChunkWork } from './chunkWork';
import type { Clock } from './clock';
import type { Source } from './source';

/**
 * When to open again what a holder closed. A download that has just finished there has moved, and a file that changed may be
 * the right one again. If it is really over we are refused then, for good.
 */
const CLOSED_RETRY_MS: Readonly<Record<ClosedReason, number>> = { gone: 1_000, changed: 30_000, other: 10_000 };

/** A download, as what a source says concerns it. */
export interface Asker {
  readonly clock: Clock;
  /** Absent until the manifest is here. */
  readonly work: ChunkWork | undefined;
  readonly onManifest: (source: Source, bytes: Uint8Array) => void;
  /** It does not give us this package. */
  readonly exclude: (source: Source) => void;
  /** It gave so much. */
  readonly onGet: (source: Source, bytes: number) => void;
}

/**
 * Takes in what a holder says.
 *
 * @throws {PeerFault} and {LoraSwarmError} `DOWNLOAD_CORRUPT`, `MANIFEST_INVALID` when it is to blame, and anything else when
 * our disk is.
 */
export function hear(source: Source, message: TransferMessage, asker: Asker): void {
  const { work } = asker;
  switch (message.type) {
    case 'opened':
      if (source.phase !== 'opening') return;
      source.phase = 'open';
      source.progressAt = asker.clock.now();
      source.have = message.have;
      work?.opened(source);
      return;
    case 'refused':
      sentAway(source, message.retryMs, asker);
      return;
    case 'closed':
      sentAway(source, CLOSED_RETRY_MS[message.reason], asker);
      return;
    case 'manifest':
      asker.onManifest(source, message.bytes);
      return;
    case 'hashes':
      work?.addHashes(source, message);
      return;
    case 'data':
      if (!work) throw new PeerFault('protocol'); // The manifest goes before.
      work.addData(source, message);
      asker.onGet(source, message.bytes.byteLength);
      return;
    case 'reject':
      work?.reject(source, message);
      return;
    case 'have':
      if (work) work.addHave(source, message);
      else noteHave(source, message);
      return;
    default: // What an asker says is not for us.
  }
}

function sentAway(source: Source, retryMs: number, { work, exclude }: Asker): void {
  if (retryMs === 0) {
    exclude(source);
    return;
  }
  work?.leave(source);
  source.phase = 'refused'; // Until a new handle is tried.
  source.pause(retryIn(retryMs));
}

/** The manifest is not here yet: notes the chunks where `join` will look. */
function noteHave({ have }: Source, { ranges }: HaveMessage): void {
  if (have === 'full') return;
  for (const { first, count } of ranges)
    for (let chunk = first; chunk < first + count && chunk >> 3 < have.byteLength; chunk++)
      have[chunk >> 3]! |= 1 << (chunk & 7);
}
