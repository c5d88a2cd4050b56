import { Store } from '../../src/engine/store/store';
import { PartialPackage } from '../../src/engine/store/partialPackage';
import { chunkRuns } from '../../src/engine/store/chunkRuns';
import { ChunkMap } from '../../src/engine/release/chunkMap';
import { withTempFolder, type TestPackage } from './packages';

/** Runs `use` with an open store in a fresh folder. */
export async function withStore<T>(use: (store: Store, home: string) => Promise<T>): Promise<T> {
  return await withTempFolder(async (folder) => {
    const store = await Store.open(folder);
    try {
      return await use(store, folder);
    } finally {
      await store.close();
    }
  });
}

/** Closes a store and opens it again, as the next start does. */
export async function reopen(store: Store): Promise<Store> {
  await store.close();
  return await Store.open(store.paths.home);
}

/** Bytes of a range of chunks, which may cross files. */
export function bytesOf({ manifest, contents }: TestPackage, first: number, count: number): Buffer {
  const runs = [...chunkRuns(new ChunkMap(manifest), first, count)];
  return Buffer.concat(runs.map(({ file, offset, length }) => contents[file]!.subarray(offset, offset + length)));
}

/** Hands over the hashes of every group that is not known. */
export function addAllHashes(partial: PartialPackage, { chunkHashes }: TestPackage): void {
  for (let group = 0; group < partial.map.groups; group++) {
    const { firstChunk, chunks } = partial.map.group(group);
    partial.addHashes(group, chunkHashes.subarray(firstChunk * 32, (firstChunk + chunks) * 32));
  }
}

/** Writes chunks from `first` on, in frames of at most `frame` chunks that never cross a file. */
export function fill(
  partial: PartialPackage,
  source: TestPackage,
  range: { readonly first?: number; readonly count?: number; readonly frame?: number } = {},
): void {
  const { first = 0, frame = 16 } = range;
  const count = range.count ?? partial.map.chunks - first;
  for (const run of chunkRuns(partial.map, first, count, frame))
    partial.write(run.first, bytesOf(source, run.first, run.count));
}

/** Downloads a package as the transfer does, without a network. */
export async function download(store: Store, source: TestPackage): Promise<PartialPackage> {
  const partial = await PartialPackage.open(store, source.manifest);
  addAllHashes(partial, source);
  fill(partial, source);
  return partial;
}
