import assert from 'node:assert/strict';
import { keyPair } from 'hypercore-crypto';
import { Emitter } from '../../../src/engine/events';
import { getAdapter, type GetParts } from '../../../src/engine/flows/download';
import type { Downloaded } from '../../../src/engine/flows/downloadRun';
import { Catalog } from '../../../src/engine/registry/catalog';
import { Library } from '../../../src/engine/registry/library';
import { Registry } from '../../../src/engine/registry/registry';
import { signRelease } from '../../../src/engine/release/release';
import type { TransferState } from '../../../src/engine/state';
import type { WishOptions, WishProgress } from '../../../src/engine/wishes';
import { withStore } from '../../helpers/stores';
import { makeRelease } from '../../helpers/testRooms';
import { VirtualClock } from '../../helpers/virtualClock';

const RELEASE = makeRelease('sql');
const ID = RELEASE.contentId;

describe('one who asked for a download', () => {
  it('is told after a minute in which nobody had it, and the download itself stays', () =>
    asking(async ({ clock, progress, outcome, left }) => {
      progress('running');
      await clock.advance(59_000);
      progress('waiting');
      await clock.advance(2_000);

      const error = await outcome;

      assert.equal((error as { code: string }).code, 'NO_SOURCES');
      assert.match((error as Error).message, /What was fetched is kept/);
      assert.deepEqual([left, clock.isIdle], [[], true]);
    }));

  it('is not told while chunks come or the user has paused it', () =>
    asking(async ({ clock, progress, outcome, finish }) => {
      for (const phase of ['waiting', 'running', 'waiting', 'paused', 'waiting', 'paused'] as const) {
        await clock.advance(25_000);
        progress(phase);
      }
      finish();

      assert.equal(((await outcome) as { id: string }).id, ID);
      assert.equal(clock.isIdle, true);
    }));

  it('is told of its place in the queue, and waits for its turn as long as that takes', () =>
    asking(async ({ clock, wait, waits, outcome, finish }) => {
      await clock.advance(0);
      wait({ phase: 'queued', place: 2 });
      await clock.advance(300_000);
      wait({ phase: 'queued', place: 2 });
      for (let place = 50; place >= 1; place--) wait({ phase: 'queued', place }); // All within one second: the last one counts.
      await clock.advance(1_000);
      wait({ phase: 'paused', problem: { code: 'STORE_FULL', message: 'This needs 9 MB.' } });
      await clock.advance(300_000);
      wait({ phase: 'running' });
      finish();

      assert.equal(((await outcome) as { id: string }).id, ID);
      assert.deepEqual(waits, [
        { kind: 'wait', id: ID, phase: 'queued', place: 2 },
        { kind: 'wait', id: ID, phase: 'queued', place: 1 },
        { kind: 'wait', id: ID, phase: 'paused', problem: { code: 'STORE_FULL', message: 'This needs 9 MB.' } },
      ]);
    }));

  it('leaves it when giving up', () =>
    asking(async ({ clock, abort, outcome, left }) => {
      await clock.advance(1_000);
      abort.abort(new DOMException('enough', 'AbortError'));

      assert.equal(((await outcome) as Error).name, 'AbortError');
      assert.deepEqual([left, clock.isIdle], [[ID], true]);
    }));
});

interface Asking {
  readonly clock: VirtualClock;
  readonly abort: AbortController;
  readonly outcome: Promise<unknown>;
  /** Ids that were left. */
  readonly left: readonly string[];
  readonly progress: (phase: TransferState['phase']) => void;
  readonly wait: (part: Partial<TransferState> & Pick<TransferState, 'phase'>) => void;
  /** What was said about standing still. */
  readonly waits: readonly WishProgress[];
  readonly finish: () => void;
}

/** Everything but the transfer is real: one offer in the catalog, and a download that does as the test says. */
async function asking(use: (asking: Asking) => Promise<void>): Promise<void> {
  await withStore(async (store) => {
    const catalog = new Catalog();
    catalog.applySnapshot('room', 'aa'.repeat(32), [signRelease(RELEASE, keyPair())]);
    const progressed = new Emitter<TransferState>();
    const done = Promise.withResolvers<Downloaded>();
    const left: string[] = [];
    const clock = new VirtualClock();
    const abort = new AbortController();
    const parts: Partial<GetParts> = {
      store,
      catalog,
      library: new Library(store),
      registry: new Registry(store),
      clock,
      downloads: {
        fetch: (_request, signal) =>
          new Promise((resolve, reject) => {
            done.promise.then(resolve, reject);
            signal?.addEventListener('abort', () => {
              left.push(ID);
              reject(signal.reason as Error);
            });
          }),
        follow: (_id, listener) => progressed.event(listener),
      },
    };
    const waits: WishProgress[] = [];
    const onProgress = (progress: WishProgress): void => {
      if (progress.kind === 'wait') waits.push(progress);
    };
    const options: WishOptions = { signal: abort.signal, onProgress };
    const outcome = getAdapter(parts as GetParts, { target: ID }, options).catch((error: unknown) => error);
    const state = { id: ID, name: 'tester/sql', direction: 'download', bytesDone: 1, bytesTotal: 2 } as const;
    try {
      await use({
        clock,
        abort,
        outcome,
        left,
        waits,
        wait: (part) => progressed.fire({ ...state, rate: 0, sources: 0, ...part }),
        progress: (phase) => progressed.fire({ ...state, phase, rate: 0, sources: 0 }),
        finish: () =>
          done.resolve({ path: '/x', bytes: 2, seconds: 1, sources: 1, resumedBytes: 0, refetchedBytes: 0 }),
      });
    } finally {
      catalog.close();
    }
  });
}
