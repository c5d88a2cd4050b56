import assert from 'node:assert/strict';
import { silentLog } from '../../src/engine/log';
import type { Manifest } from '../../src/engine/release/manifest';
import { PackageReader } from '../../src/engine/store/packageReader';
import { PartialPackage } from '../../src/engine/store/partialPackage';
import type { Store } from '../../src/engine/store/store';
import { Leecher, type DownloadOptions, type LeecherParts } from '../../src/engine/transfer/leecher';
import { RateLimit } from '../../src/engine/transfer/rate';
import { Seeder, type SeederParts } from '../../src/engine/transfer/seeder';
import { makePackage } from '../helpers/packages';
import { download, withStore } from '../helpers/stores';
import { TestSources, connect, type LinkEnd } from '../helpers/transferLinks';

describe('transfer', () => {
  it('fetches a package from one source', () =>
    withStore((seedStore) =>
      withStore(async (store) => {
        const content = await makePackage({ weights: 9_000_000 });
        await (await download(seedStore, content)).finish();
        const [ours, theirs] = await connect();
        const seeder = seederOf(seedStore);
        seeder.attach(theirs.link, () => true);

        const result = await leecherOf(store, content.manifest, new TestSources(ours.link)).run();
        const item = await result.partial.finish();

        assert.ok(item);
        assert.deepEqual([result.sources, result.refetchedBytes, result.resumedBytes], [1, 0, 0]);
        end(seeder, ours);
      }),
    ));
});

function seederOf(store: Store, parts: Partial<SeederParts> = {}): Seeder {
  return new Seeder({
    open: (id) => PackageReader.open(store, id),
    uploadLimit: new RateLimit(),
    log: silentLog,
    onSourceProblem: (_id, error) => assert.fail(error),
    ...parts,
  });
}

function leecherOf(
  store: Store,
  { id }: Manifest,
  sources: TestSources,
  { limits = [], ...options }: DownloadOptions & Partial<Pick<LeecherParts, 'limits'>> = {},
): Leecher {
  const openPartial = (manifest: Manifest) => PartialPackage.open(store, manifest);
  return new Leecher({ sources, openPartial, limits, log: silentLog }, id, options);
}

function end(seeder: Seeder, ...ends: readonly LinkEnd[]): void {
  seeder.dispose();
  for (const item of ends) item.destroy();
}
