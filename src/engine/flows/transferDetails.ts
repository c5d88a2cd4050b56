import { LoraSwarmError } from '../errors';
import { ChunkMap } from '../release/chunkMap';
import type { TransferDetails, TransferPeerState, TransferState } from '../state';
import { cellsOf, type DownloadView, type GiverView } from '../transfer/transferView';
import type { UploadState } from '../transfer/seeder';
import type { Wishes } from '../wishes';
import { uploadStates, type SnapshotParts } from './snapshot';

export type TransferDetailsParts = Pick<
  SnapshotParts,
  'registry' | 'offers' | 'seeder' | 'metered' | 'downloads' | 'rooms' | 'store'
>;

/**
 * All that is known of one transfer. When a package is both fetched and given and no direction is named, the download.
 *
 * @throws {LoraSwarmError} `ID_UNKNOWN` when there is no such transfer, or no more.
 */
export function transferDetails(
  parts: TransferDetailsParts,
  { id, direction }: Wishes['transfer']['params'],
): TransferDetails {
  const download = direction === 'upload' ? undefined : parts.downloads.states.find((state) => state.id === id);
  if (download) return downloadDetails(parts, download);
  const upload = direction === 'download' ? undefined : uploadStates(parts).find((state) => state.id === id);
  const given = parts.seeder.state.find(({ contentId }) => contentId === id);
  if (upload && given) return uploadDetails(parts, upload, given);
  throw new LoraSwarmError('ID_UNKNOWN', 'There is no such transfer now. It may have ended.');
}

function downloadDetails(parts: TransferDetailsParts, transfer: TransferState): TransferDetails {
  const view = parts.downloads.view(transfer.id);
  const peers = (view?.givers ?? []).map((giver) => giverState(parts, giver));
  const { chunks, held, asked } = view && view.chunks > 0 ? view : journalled(parts, transfer.id);
  return { transfer, chunks, held, asked, peers, rates: view?.rates ?? [] };
}

/** What the journal has of a download that does not run. */
function journalled({ store }: TransferDetailsParts, id: string): Pick<DownloadView, 'chunks' | 'held' | 'asked'> {
  const record = store.journal.get(id);
  if (!record) return { chunks: 0, held: [], asked: [] };
  const { chunks } = new ChunkMap(record.manifest);
  const held = store.journal.held(id, chunks);
  return {
    chunks,
    held: cellsOf(chunks, (chunk) => held?.has(chunk) === true),
    asked: cellsOf(chunks, () => false),
  };
}

function uploadDetails(parts: TransferDetailsParts, transfer: TransferState, given: UploadState): TransferDetails {
  const manifest = parts.registry.get(transfer.id)?.manifest;
  const growing = manifest ? undefined : parts.downloads.view(transfer.id);
  const chunks = manifest ? new ChunkMap(manifest).chunks : (growing?.chunks ?? 0);
  const peers = given.takers.map(({ key, isLane, phase, rate, bytes }): TransferPeerState => {
    // A taker does not say what it has; what we gave is the least.
    const has = transfer.bytesTotal > 0 ? Math.min(1, bytes / transfer.bytesTotal) : 0;
    return { ...whereabouts(parts, key, isLane), phase, rate, bytes, has };
  });
  return {
    transfer,
    chunks,
    held: growing?.held ?? cellsOf(chunks, () => true),
    asked: cellsOf(chunks, () => false),
    peers,
    rates: given.rates,
  };
}

function giverState(parts: TransferDetailsParts, giver: GiverView): TransferPeerState {
  const { key, isLane, phase, rate, bytes, has, rttMs } = giver;
  if (key === '') return { key, name: '', path: 'disk', phase, rate, bytes, has };
  const peer = { ...whereabouts(parts, key, isLane), phase, rate, bytes, has };
  return rttMs === undefined ? peer : { ...peer, rttMs };
}

function whereabouts(
  { rooms }: TransferDetailsParts,
  key: string,
  isLane: boolean,
): Pick<TransferPeerState, 'key' | 'name' | 'path' | 'rttMs'> {
  const peer = rooms.peers.get(key);
  return {
    key,
    name: peer?.name ?? '',
    path: isLane ? 'lane' : peer?.isLan === true ? 'lan' : 'direct',
    ...(peer?.rttMs === undefined ? {} : { rttMs: peer.rttMs }),
  };
}
