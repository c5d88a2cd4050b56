import { fullName, summaryOf } from '../registry/summary';
import type { EngineState, LibraryState, SharedState, TransferState } from '../state';
import type { Downloads } from './downloads';
import type { MeteredWatch } from './metered';
import type { Offers } from './offers';
import type { EngineParts } from './parts';

export type SnapshotParts = Pick<
  EngineParts,
  | 'identity'
  | 'authors'
  | 'names'
  | 'settings'
  | 'rooms'
  | 'swarm'
  | 'registry'
  | 'library'
  | 'catalog'
  | 'store'
  | 'seeder'
  | 'ollama'
> & {
  readonly downloads: Downloads;
  readonly offers: Pick<Offers, 'growing'>;
  readonly host: string | undefined;
  readonly metered: Pick<MeteredWatch, 'isMetered' | 'problem'>;
};

/** The whole of what a shell draws, as it is now. */
export function takeSnapshot(parts: SnapshotParts): EngineState {
  const { rooms, swarm, catalog, ollama } = parts;
  const { isMetered } = parts.metered;
  const roomStates = rooms.states((room) => catalog.search({ room, limit: 0 }).total);
  const inUse = roomStates.filter(({ ended }) => !ended);
  return {
    identity: parts.identity(),
    network: {
      mode: parts.settings()['network.mode'],
      isOnline: inUse.length === 0 || inUse.some(({ phase }) => phase !== 'offline'),
      ...(isMetered === undefined ? {} : { isMetered }),
      ...(swarm.isRunning ? { address: { host: parts.host ?? '0.0.0.0', port: swarm.port } } : {}),
    },
    rooms: roomStates,
    peers: rooms.peers
      .states((peer) => catalog.search({ peer, limit: 0 }).total)
      .map((peer) => ({ ...peer, adaptersIn: catalog.offeredBy(peer.key) })),
    shared: sharedStates(parts),
    library: libraryStates(parts),
    transfers: [...parts.downloads.states, ...uploadStates(parts)],
    ...(ollama.state ? { ollama: ollama.state } : {}),
    catalogRevision: catalog.revision + parts.authors.revision,
  };
}

export function libraryStates(parts: Pick<SnapshotParts, 'library' | 'store' | 'authors' | 'names'>): LibraryState[] {
  const { library, store } = parts;
  const made = store.madeModels.list();
  return library.list().map(({ id, name, folder, addedAt, release, manifest }) => ({
    ...(release
      ? summaryOf(release, parts)
      : { id, name, author: '', format: 'peft', targets: [], bytes: manifest.size, tags: [] }),
    path: folder,
    models: made.filter(({ adapterId }) => adapterId === id).map(({ model }) => model),
    addedAt,
  }));
}

function sharedStates(parts: SnapshotParts): SharedState[] {
  const { registry, catalog } = parts;
  return registry.list().map(({ id, release, rooms, weightsPath, phase }) => ({
    ...summaryOf(release, parts),
    rooms,
    path: weightsPath,
    holders: catalog.sources(id).length,
    phase,
  }));
}

/** What goes out: of what the user shares, and of downloads in progress. */
export function uploadStates({
  seeder,
  registry,
  offers,
  metered: { problem },
}: Pick<SnapshotParts, 'seeder' | 'registry' | 'offers' | 'metered'>): TransferState[] {
  return seeder.state.flatMap(({ contentId, peers, rate, bytes }) => {
    const release = registry.get(contentId)?.release ?? offers.growing(contentId);
    if (!release || peers === 0) return [];
    return [
      {
        id: contentId,
        name: fullName(release.release),
        direction: 'upload',
        ...(problem ? { phase: 'paused', problem } : { phase: 'running' }),
        bytesDone: bytes,
        bytesTotal: release.release.bytes,
        rate,
        sources: peers,
      } satisfies TransferState,
    ];
  });
}
