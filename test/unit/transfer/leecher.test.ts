import assert from 'node:assert/strict';
import { LoraSwarmError } from '../../../src/engine/errors';
import { Emitter } from '../../../src/engine/events';
import { CHUNK_BYTES } from '../../../src/engine/limits';
import { silentLog } from '../../../src/engine/log';
import type { TransferMessage } from '../../../src/engine/net/transferMessages';
import { PartialPackage } from '../../../src/engine/store/partialPackage';
import type { Store } from '../../../src/engine/store/store';
import type { DownloadOptions, DownloadProgress, DownloadResult } from '../../../src/engine/transfer/downloadParts';
import { Leecher } from '../../../src/engine/transfer/leecher';
import { RateLimit } from '../../../src/engine/transfer/rate';
import { FakeHolder, damaged, type Twist } from '../../helpers/fakeHolder';
import { makePackage, type TestPackage } from '../../helpers/packages';
import { bytesOf, withStore } from '../../helpers/stores';
import { TestSources } from '../../helpers/testSources';
import { VirtualClock } from '../../helpers/virtualClock';

const MIB = 1024 ** 2;

describe('Leecher', () => {
  let content: TestPackage;
  let other: TestPackage;
  before(async () => {
    content = await makePackage({ weights: 3 * MIB });
    other = await makePackage({ weights: 3 * MIB, seed: 2 });
  });

  it('asks for the manifest with the opening, and for one chunk first', () =>
    withDownload(content, async ({ add, run }) => {
      const holder = add();

      await run();

      const types = holder.link.sent.map(({ type }) => type);
      assert.deepEqual(types.slice(0, 4), ['open', 'getManifest', 'getHashes', 'request']);
      assert.deepEqual(holder.link.sentOf('request')[0], {
        type: 'request',
        handle: holder.handle,
        first: 0,
        count: 1,
      });
      assert.equal(types.at(-1), 'close');
    }));

  it('asks nobody for a manifest that is known', () =>
    withDownload(
      content,
      async ({ add, run }) => {
        const holder = add();

        await run();

        assert.equal(holder.link.sentOf('getManifest').length, 0);
      },
      { manifest: content.manifest },
    ));

  it('asks for no more than the disk has room for, and goes on when it has again', () =>
    withDownload(
      content,
      async ({ add, partial, run, leecher }) => {
        const disk = await partial();
        const made = new Emitter<void>();
        let room = 5;
        Object.defineProperty(disk, 'room', { get: () => room });
        Object.defineProperty(disk, 'onDidMakeRoom', { value: made.event });
        const holder = add(silentAfter(0));
        const running = run();

        await turns();
        const before = holder.asked.length;
        room = 8;
        made.fire();
        await turns();

        assert.deepEqual([before, holder.asked.length], [5, 8]);
        leecher.cancel();
        await assert.rejects(running, { code: 'DOWNLOAD_CANCELLED' });
      },
      { manifest: content.manifest },
    ));

  it('asks for each chunk once', () =>
    withDownload(content, async ({ add, run }) => {
      const holders = [add(), add(), add()];

      const result = await run();

      const asked = holders.flatMap((holder) => holder.asked).sort((a, b) => a - b);
      assert.deepEqual(asked, [...new Set(asked)]);
      assert.equal(asked.length, result.partial.map.chunks);
      assert.equal(result.sources, 3);
    }));

  it('tells who gave how much that was right', () =>
    withDownload(content, async ({ add, run, gotten }) => {
      const holders = [add(), add()];
      const liar = add(badChunks);

      const { partial } = await run();

      const sum = [...gotten.values()].reduce((a, b) => a + b, 0);
      assert.ok(sum >= partial.manifest.size, `${sum} bytes`);
      for (const { link } of holders) assert.ok(gotten.get(link.peerKey)! > 0, link.peerKey);
      assert.equal(gotten.get(liar.link.peerKey), undefined);
    }));

  const lies: readonly (readonly [string, (message: TransferMessage) => TransferMessage | undefined])[] = [
    ['a chunk with one bit turned', onData((message) => ({ ...message, bytes: damaged(message.bytes) }))],
    ['an empty manifest', onType('manifest', (message) => ({ ...message, bytes: new Uint8Array() }))],
    ['hashes with one bit turned', onType('hashes', (message) => ({ ...message, bytes: damaged(message.bytes) }))],
    [
      'twice as many hashes',
      onType('hashes', (message) => ({ ...message, bytes: Buffer.concat([message.bytes, message.bytes]) })),
    ],
    ['a chunk cut short by a byte', onData((message) => ({ ...message, bytes: message.bytes.slice(0, -1) }))],
    ['a chunk of one byte', onData((message) => ({ ...message, bytes: message.bytes.slice(0, 1) }))],
    ['a chunk with one byte more', onData((message) => ({ ...message, bytes: Buffer.alloc(CHUNK_BYTES + 1) }))],
    ['a chunk under another number', onData((message) => ({ ...message, first: message.first + 1 }))],
    ['a chunk that the package has not', onData((message) => ({ ...message, first: 60_000 }))],
  ];
  for (const [what, twist] of lies) {
    it(`strikes who sends ${what}, and fetches from another`, () =>
      withDownload(content, async ({ add, run }) => {
        const liar = add(twist);
        const honest = add();

        const result = await run();
        await result.partial.finish();

        assert.deepEqual(liar.link.strikes, ['badData']);
        assert.deepEqual(honest.link.strikes, []);
      }));
  }

  it('strikes who sends the manifest of something else', () =>
    withDownload(content, async ({ add, run }) => {
      const liar = add(onType('manifest', (message) => ({ ...message, bytes: other.manifest.bytes })));
      add();

      await run();

      assert.deepEqual(liar.link.strikes, ['badData']);
    }));

  it('strikes who sends chunks before their hashes', () =>
    withDownload(content, async ({ add, run }) => {
      const early = add(onType('hashes', () => undefined));
      add();

      await run();

      assert.deepEqual(early.link.strikes, ['protocol']);
    }));

  it('strikes who sends chunks that nobody asked', () =>
    withDownload(content, async ({ add, run }) => {
      const pushing = add(silentAfter(1));
      add(silentAfter(0)); // Two: so neither is asked for all of it.
      const running = run();
      await turns(60);

      add();
      // The last chunks of the group, whose hashes are known, far behind the window.
      for (const first of [45, 46]) {
        const bytes = bytesOf(content, first, 1);
        pushing.link.say({ type: 'data', handle: pushing.handle, first, bytes });
      }
      await running;

      assert.deepEqual(pushing.link.strikes, ['protocol']);
    }));

  it('gives up when all sources lie, and names them', () =>
    withDownload(content, async ({ add, run, partial }) => {
      const liars = [add(badChunks), add(badChunks), add(badChunks)];

      await assert.rejects(run(), (error: LoraSwarmError) => {
        assert.equal(error.code, 'NO_SOURCES');
        for (const { link } of liars) assert.match(error.message, new RegExp(link.peerKey.slice(0, 8)));
        return true;
      });

      assert.equal((await partial()).held.count, 0);
    }));

  it('waits for a source that comes back, also when the others lied', () =>
    withDownload(content, async ({ add, run, clock, progress }) => {
      const leaving = add(silentAfter(0));
      add(badChunks);
      const running = run();
      await turns(60);
      leaving.link.close();
      await clock.advance(300_000);
      assert.equal(progress.at(-1)?.phase, 'waiting');

      add();

      assert.equal((await running).sources, 1);
    }));

  it('takes what a source that left was asked to the others at once', () =>
    withDownload(content, async ({ add, run, clock }) => {
      const leaving = add(silentAfter(3));
      const staying = add();
      const running = run();
      await turns(60);
      leaving.link.close();

      await running;

      assert.equal(clock.now(), 0);
      assert.ok(staying.asked.length > 0);
    }));

  it('goes to others after 5 s when a source stalls and they deliver', () =>
    withDownload(
      content,
      async ({ add, run, clock }) => {
        const stalled = add(silentAfter(1));
        add();
        const running = run();

        await clock.advance(4_500);
        const early = stalled.link.sentOf('cancel').length;
        await clock.advance(1_500);
        const late = stalled.link.sentOf('cancel').length;
        await clock.advance(90_000);
        await running;

        assert.ok(early < late, `${early} and ${late} cancels`);
        assert.deepEqual(stalled.link.strikes, []);
      },
      { limit: 100_000 },
    ));

  it('goes to another after 5 s, also when that one gives nothing yet, and leaves the silent one after 10', () =>
    withDownload(content, async ({ add, run, clock }) => {
      let isBusy = true;
      const silent = add(silentAfter(2));
      const running = run();
      await turns(60);
      add(
        onData((message) => {
          const { handle, first } = message;
          return isBusy ? { type: 'reject', handle, first, count: 1, reason: 'busy', retryMs: 1_000 } : message;
        }),
      );

      const told = () => [silent.link.sentOf('cancel').length, silent.link.sentOf('close').length] as const;
      await clock.advance(4_000);
      const early = told();
      await clock.advance(3_000);
      const later = told();
      await clock.advance(5_000);
      const last = told();
      isBusy = false;
      await clock.advance(2_000);
      await running;

      assert.deepEqual(early, [0, 0]);
      assert.ok(later[0] > 0 && later[1] === 0, later.join());
      assert.equal(last[1], 1);
      assert.deepEqual(silent.link.strikes, []);
    }));

  it('fetches from an idle source what a silent one still owes', () =>
    withDownload(content, async ({ add, run, clock }) => {
      const silent = add(silentAfter(2));
      const running = run();
      await turns(60);
      add();

      await clock.advance(2_000);
      await running;

      assert.ok(silent.link.sentOf('cancel').length > 0);
    }));

  it('begins anew after 30 s with the only source when it is silent', () =>
    withDownload(content, async ({ add, run, clock }) => {
      const forgetful = add(silentAfter(2));
      const running = run();
      await turns(60);
      const before = forgetful.handle;

      await clock.advance(29_000);
      assert.equal(forgetful.handle, before);
      forgetful.twist = (message) => message;
      await clock.advance(3_000);
      await running;

      assert.notEqual(forgetful.handle, before);
    }));

  it('rests a source that gives less than 8 KiB/s while another gives more', () =>
    withDownload(
      content,
      async ({ add, run, clock }) => {
        let isDue = true;
        const slow = add((message) => {
          if (message.type !== 'data') return message;
          if (!isDue) return undefined;
          isDue = false;
          return message;
        });
        add();
        const running = run();
        for (let i = 0; i < 4; i++) {
          isDue = true; // One chunk every 4 s at most, and then none.
          await clock.advance(4_000);
        }
        const asked = slow.asked.length;
        await clock.advance(40_000);
        await running;

        assert.ok(slow.link.sentOf('cancel').length > 0);
        assert.ok(asked < 30, `${asked} chunks asked`);
      },
      { limit: 100_000 },
    ));

  it('comes back to a source that was busy', () =>
    withDownload(content, async ({ add, run, clock }) => {
      let isBusy = true;
      const busy: FakeHolder = add((message) => {
        if (message.type !== 'data' || !isBusy) return message;
        const { handle, first } = message;
        return { type: 'reject', handle, first, count: 1, reason: 'busy', retryMs: 2_000 };
      });
      const running = run();
      await turns(20);
      const asked = busy.asked.length;
      await clock.advance(1_500);
      assert.equal(busy.asked.length, asked);

      isBusy = false;
      await clock.advance(1_000);
      await running;

      assert.ok(busy.asked.length > asked);
    }));

  it('tries again where it was refused for a while, and not where it was refused for good', () =>
    withDownload(content, async ({ add, run, clock }) => {
      let opens = 0;
      add((message) => {
        if (message.type !== 'opened' || ++opens > 1) return message;
        return { type: 'refused', handle: message.handle, reason: 'busy', retryMs: 3_000 };
      });
      const never = add(onType('opened', ({ handle }) => ({ type: 'refused', handle, reason: 'unknown', retryMs: 0 })));
      const running = run();

      await clock.advance(4_000);
      await running;

      assert.equal(never.link.sentOf('open').length, 1);
    }));

  it('opens again what a holder closed, until it is refused', () =>
    withDownload(content, async ({ add, run, clock, progress }) => {
      let opens = 0;
      const closing: FakeHolder = add((message) => {
        const { handle } = message;
        if (message.type === 'opened') opens++;
        if (message.type === 'opened' && opens === 3) return { type: 'refused', handle, reason: 'unknown', retryMs: 0 };
        return message.type === 'data' ? { type: 'closed', handle, reason: 'gone' } : message;
      });
      const running = run();

      await clock.advance(60_000);
      assert.equal(progress.at(-1)?.phase, 'waiting');
      add();
      await running;

      assert.equal(closing.link.sentOf('open').length, 3);
    }));

  it('asks a source with a part only for that, and for more when it says so', () =>
    withDownload(content, async ({ add, run }) => {
      const have = new Uint8Array(7);
      have[0] = 0b0000_1111;
      const part: FakeHolder = add(onType('opened', (message) => ({ ...message, have: Uint8Array.from(have) })));
      const running = run();
      await turns(60);
      assert.deepEqual(
        [...part.asked].sort((a, b) => a - b),
        [0, 1, 2, 3],
      );

      part.link.say({ type: 'have', handle: part.handle, ranges: [{ first: 4, count: 50 - 4 }] });

      assert.equal((await running).partial.held.isFull, true);
    }));

  it('waits while nobody has a chunk that is missing, says how many offer it, and goes on by itself', () =>
    withDownload(content, async ({ add, run, clock, progress }) => {
      const parts = [1, 2].map(() => add(onType('opened', (message) => ({ ...message, have: new Uint8Array(7) }))));
      const running = run();

      await clock.advance(60_000);
      const { phase, peers, sources } = progress.at(-1)!;
      for (const { link, handle } of parts) link.say({ type: 'have', handle, ranges: [{ first: 0, count: 50 }] });
      const result = await running;

      assert.deepEqual({ phase, peers, sources }, { phase: 'waiting', peers: 2, sources: 0 });
      assert.equal(result.partial.held.isFull, true);
    }));

  it('ignores other handles and what belongs to the other direction', () =>
    withDownload(content, async ({ add, run }) => {
      const holder = add();
      const running = run();
      holder.link.say({ type: 'data', handle: 4_000, first: 0, bytes: Buffer.alloc(3) });
      holder.link.say({ type: 'open', handle: holder.handle, contentId: content.manifest.id });
      holder.link.say({ type: 'request', handle: holder.handle, first: 0, count: 1 });
      holder.link.say({ type: 'opened', handle: 4_000, have: Uint8Array.of(1) });

      await running;

      assert.deepEqual(holder.link.strikes, []);
    }));

  it('strikes a bitmap of another size and a range outside of the package', () =>
    withDownload(content, async ({ add, run }) => {
      const quiet = add(silentAfter(0));
      const wrongSize = add(onType('opened', (message) => ({ ...message, have: new Uint8Array(3) })));
      const running = run();
      await turns(30);
      const outside = add(onType('opened', (message) => ({ ...message, have: new Uint8Array(7) })));
      await turns(30);
      outside.link.say({ type: 'have', handle: outside.handle, ranges: [{ first: 45, count: 10 }] });
      quiet.link.close();
      add();
      await running;

      assert.deepEqual([wrongSize.link.strikes, outside.link.strikes], [['protocol'], ['protocol']]);
    }));

  it('never has more than the window and 64 requests open', () =>
    withDownload(content, async ({ add, run }) => {
      const stuck = [add(silentAfter(1)), add(silentAfter(1))];
      const running = run();
      await turns(60);

      for (const { link } of stuck) {
        const open = link.sentOf('request');
        const chunks = open.reduce((sum, { count }) => sum + count, 0);
        assert.ok(open.length <= 64, `${open.length} requests`);
        assert.ok(chunks * CHUNK_BYTES <= 1.5 * MIB, `${chunks} chunks`);
      }
      for (const { link } of stuck) link.close();
      add();
      await running;
    }));

  it('keeps to the limit, counting what it asks for', () =>
    withDownload(
      content,
      async ({ add, run, clock }) => {
        const holder = add();
        const running = run();
        await turns(20);

        await clock.advance(4_000);
        const bytes = holder.asked.length * CHUNK_BYTES;
        await clock.advance(30_000);
        await running;

        assert.ok(Math.abs(bytes - 4.25 * 200_000) <= 2 * CHUNK_BYTES, `${bytes} bytes in 4 s`);
      },
      { limit: 200_000 },
    ));

  it('shows progress at most four times a second', () =>
    withDownload(
      content,
      async ({ add, run, clock, progress }) => {
        add();
        const running = run();

        await clock.advance(10_000);
        const seen = progress.length;
        await clock.advance(30_000);
        await running;

        assert.ok(seen <= 41 && seen >= 39, `${seen} in 10 s`);
        const middle = progress[30]!;
        assert.equal(middle.phase, 'running');
        assert.equal(middle.sources, 1);
        assert.equal(middle.bytesTotal, content.manifest.size);
        assert.ok(Math.abs(middle.rate - 200_000) < 80_000, `${middle.rate}`);
        assert.ok(progress.every(({ bytesDone }, i) => i === 0 || bytesDone >= progress[i - 1]!.bytesDone));
      },
      { limit: 200_000 },
    ));

  it('stops asking when it is paused, and fetches only the rest when it goes on', () =>
    withDownload(content, async ({ add, run, leecher, clock, progress }) => {
      const holder = add(silentAfter(10));
      const running = run();
      await turns(60);

      await leecher.pause();
      const asked = holder.asked.length;
      await clock.advance(60_000);
      assert.equal(holder.asked.length, asked);
      assert.equal(progress.at(-1)?.phase, 'paused');
      holder.twist = (message) => message;
      holder.asked.length = 0;
      leecher.resume();
      const result = await running;

      assert.equal(holder.asked.length, result.partial.map.chunks - 10);
      assert.equal(result.refetchedBytes, 0);
    }));

  it('removes what is there when it is cancelled, and keeps it when it is only stopped', () =>
    withStore(async (store) => {
      const stop = new AbortController();
      const first = downloadOf(store, content, { signal: stop.signal });
      await first.partial();
      first.add(silentAfter(10));
      const stopped = first.run();
      await turns(60);
      stop.abort();
      await assert.rejects(stopped, { name: 'AbortError' });

      const second = downloadOf(store, content);
      await second.partial();
      second.add(silentAfter(5));
      const cancelled = second.run();
      await turns(80);
      assert.equal((await second.partial()).resumedBytes, 10 * CHUNK_BYTES);
      second.leecher.cancel();
      await assert.rejects(cancelled, { code: 'DOWNLOAD_CANCELLED' });

      const third = downloadOf(store, content);
      third.add();
      const result = await third.run();
      assert.equal(result.resumedBytes, 0);
      await result.partial.close();
    }));

  it('ends with what the disk says, and blames nobody for it', () =>
    withDownload(content, async ({ add, run, partial }) => {
      const holder = add();
      ((await partial()) as { write: PartialPackage['write'] }).write = () => {
        throw new LoraSwarmError('STORE_FULL', 'The disk is full.');
      };

      await assert.rejects(run(), { code: 'STORE_FULL' });

      assert.deepEqual(holder.link.strikes, []);
    }));

  it('fetches again what the disk lost when everything had been there', () =>
    withDownload(content, async ({ add, run, partial, clock }) => {
      const holder = add();
      const { held, onDidHold } = await partial();
      const lost = onDidHold(() => {
        if (held.isFull) held.set(7, false);
      });
      const running = run();
      await turns(200);
      lost.dispose();
      assert.equal(held.count, held.size - 1);

      await clock.advance(1_000);
      await running;

      assert.equal(holder.asked.filter((chunk) => chunk === 7).length, 2);
    }));

  it('uses at most 8 sources, and the ninth when one leaves', () =>
    withDownload(content, async ({ add, run }) => {
      const holders = Array.from({ length: 9 }, () => add(silentAfter(0)));
      const running = run();
      await turns(20);
      const early = holders[8]!.link.sent.length;
      holders[0]!.link.close();
      await turns(20);
      const late = holders[8]!.link.sent.length;
      for (const { link } of holders) link.close();
      add();
      await running;

      assert.ok(early === 0 && late > 0, `${early} and ${late} messages`);
    }));
});

interface Download {
  /** Bytes by the key of who gave them. */
  readonly gotten: ReadonlyMap<string, number>;
  readonly clock: VirtualClock;
  readonly progress: readonly DownloadProgress[];
  readonly leecher: Leecher<PartialPackage>;
  /** A source that joins now. */
  readonly add: (twist?: Twist) => FakeHolder;
  readonly run: () => Promise<DownloadResult<PartialPackage>>;
  /** What the download writes to. */
  readonly partial: () => Promise<PartialPackage>;
}

interface Options extends DownloadOptions {
  readonly limit?: number;
}

async function withDownload(
  content: TestPackage,
  use: (download: Download) => Promise<void>,
  options: Options = {},
): Promise<void> {
  await withStore(async (store) => {
    const download = downloadOf(store, content, options);
    await download.partial(); // Open before, so that a turn of the loop is all that a step takes.
    await use(download);
  });
}

let keys = 0;

function downloadOf(store: Store, content: TestPackage, { limit, ...options }: Options = {}): Download {
  const clock = new VirtualClock();
  const sources = new TestSources();
  const progress: DownloadProgress[] = [];
  let opening: Promise<PartialPackage> | undefined;
  const partial = () => (opening ??= PartialPackage.open(store, content.manifest));
  const limits = limit === undefined ? [] : [new RateLimit(limit, clock)];
  const gotten = new Map<string, number>();
  const onDidGet = (key: string, bytes: number) => void gotten.set(key, (gotten.get(key) ?? 0) + bytes);
  const parts = { sources, openPartial: partial, limits, onDidGet, log: silentLog, clock };
  const leecher = new Leecher(parts, content.manifest.id, {
    ...options,
    onProgress: (state) => progress.push(state),
  });
  const add = (twist?: Twist) => {
    const holder = new FakeHolder((++keys).toString(16).padStart(8, '0').repeat(8), content, twist);
    sources.add(holder.link);
    return holder;
  };
  return { clock, progress, gotten, leecher, add, run: () => leecher.run(), partial };
}

const badChunks: Twist = onData((message) => ({ ...message, bytes: damaged(message.bytes) }));

function onData(change: (message: Extract<TransferMessage, { type: 'data' }>) => TransferMessage | undefined): Twist {
  return onType('data', change);
}

function onType<T extends TransferMessage['type']>(
  type: T,
  change: (message: Extract<TransferMessage, { type: T }>) => TransferMessage | undefined,
): Twist {
  return (message) => (message.type === type ? change(message as Extract<TransferMessage, { type: T }>) : message);
}

/** Gives so many chunks and then says nothing more. */
function silentAfter(chunks: number): Twist {
  let given = 0;
  return onData((message) => (given++ < chunks ? message : undefined));
}

async function turns(count = 10): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
