// A process that uses a store and is killed on the way: node storeChild.js HOME KILL_AT
// KILL_AT counts calls that change the disk, from 1; 0 runs to the end and prints how many there were. Each step that is
// done is told on stdout before the next begins, so the test knows what must not be lost.
import fs from 'node:fs';
import path from 'node:path';
import { Registry } from '../../src/engine/registry/registry';
import { chunkRuns } from '../../src/engine/store/chunkRuns';
import { PartialPackage } from '../../src/engine/store/partialPackage';
import { Store } from '../../src/engine/store/store';
import { armFaults } from '../helpers/faults';
import { makeRelease } from '../helpers/packages';
import { addAllHashes, bytesOf, fill } from '../helpers/stores';
import { cancelledPackage, kept, sharedPackage, wantedPackage, type Done } from './storeScenario';

const [home = '', killAt = '0'] = process.argv.slice(2);
const { writeSync } = fs; // Not one of the calls that are counted.
const tell = (done: Done): void => void writeSync(1, `${JSON.stringify(done)}\n`);

function die(tear: () => void): never {
  if (Number(killAt) % 2 === 0) tear();
  process.kill(process.pid, 'SIGKILL');
  throw new Error('still alive');
}

async function main(): Promise<void> {
  const wanted = await wantedPackage();
  const cancelled = await cancelledPackage();
  const shared = await sharedPackage();
  const armed = await armFaults({ at: Number(killAt), strike: (_call, tear) => die(tear) });

  const store = await Store.open(home);
  store.settings.set('identity.displayName', kept.displayName);
  tell({ kind: 'setting' });
  store.rooms.put(kept.room);
  tell({ kind: 'room' });
  await new Registry(store).add({
    ...shared,
    release: makeRelease(shared.manifest.id),
    weightsPath: path.join(home, '..', 'source.safetensors'),
    smallFiles: [{ role: 16, bytes: shared.contents[1]! }],
    rooms: ['general'],
  });
  tell({ kind: 'shared' });

  const gone = await PartialPackage.open(store, cancelled.manifest);
  addAllHashes(gone, cancelled);
  fill(gone, cancelled, { count: 3 });
  await gone.discard();
  tell({ kind: 'discarded' });

  const partial = await PartialPackage.open(store, wanted.manifest, { release: makeRelease(wanted.manifest.id) });
  addAllHashes(partial, wanted);
  let frames = 0;
  for (const { first, count } of chunkRuns(partial.map, 0, partial.map.chunks, 3)) {
    partial.write(first, bytesOf(wanted, first, count));
    tell({ kind: 'chunks', first, count });
    if (++frames % 2 === 0) await partial.flush();
  }
  await partial.finish();
  tell({ kind: 'finished' });
  await store.close();
  tell({ kind: 'calls', calls: armed.calls });
}

void main();
