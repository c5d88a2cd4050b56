import assert from 'node:assert/strict';
import { CHUNK_BYTES } from '../../../src/engine/limits';
import { silentLog } from '../../../src/engine/log';
import type { DataMessage, TransferMessage } from '../../../src/engine/net/transferMessages';
import { Bitfield } from '../../../src/engine/release/bitfield';
import { ChunkMap } from '../../../src/engine/release/chunkMap';
import type { PackageReader } from '../../../src/engine/transfer/parts';
import { RateLimit } from '../../../src/engine/transfer/rate';
import { Seeder, type SeederParts } from '../../../src/engine/transfer/seeder';
import { FakeLink } from '../../helpers/fakeLink';
import { makePackage, type TestPackage } from '../../helpers/packages';
import { bytesOf } from '../../helpers/stores';
import { VirtualClock } from '../../helpers/virtualClock';

const MIB = 1024 ** 2;
const MB = 1_000_000;

describe('Seeder with several peers', () => {
  let content: TestPackage;
  let id: string;
  let clock: VirtualClock;
  let seeder: Seeder;
  before(async () => {
    content = await makePackage({ weights: 20 * MIB });
    ({ id } = content.manifest);
  });
  beforeEach(() => {
    clock = new VirtualClock();
  });
  afterEach(() => seeder.dispose());

  /** @param isReal false: what the bytes are does not matter. */
  function serve(parts: Partial<SeederParts> = {}, isReal = false): void {
    const map = new ChunkMap(content.manifest);
    const reader: PackageReader = {
      manifest: content.manifest,
      map,
      held: Bitfield.full(map.chunks),
      hashes: () => Promise.resolve(undefined),
      read: (first, count, into = Buffer.alloc(16 * CHUNK_BYTES)) => {
        if (isReal) bytesOf(content, first, count).copy(into);
        return Promise.resolve(into.subarray(0, map.bytes(first, count)));
      },
      close: () => Promise.resolve(),
    };
    seeder = new Seeder({
      open: () => Promise.resolve(reader),
      uploadLimit: new RateLimit(0, clock),
      log: silentLog,
      onSourceProblem: (_id, error) => assert.fail(error),
      clock,
      ...parts,
    });
  }

  /** A peer that downloads for ever: every answer makes it ask again. */
  function fetcher(key: string, options: FetchOptions = {}): Fetcher {
    const link = new Fetcher(key, clock, options);
    seeder.attach(link, () => true);
    link.start(id);
    return link;
  }

  it('gives each of three a quarter at least, also when one asks for all that it may', async () => {
    serve({ uploadLimit: new RateLimit(60 * MB, clock) });
    const greedy = fetcher('greedy', { handles: 16, requests: 64, chunks: 32 });
    const [modest, small] = [
      fetcher('modest', { requests: 4, chunks: 16, rttMs: 10 }),
      fetcher('small', { requests: 32, chunks: 1, rttMs: 10 }),
    ];
    for (const link of [greedy, modest, small]) link.isLan = true;
    await clock.advance(1_000);
    for (const link of [greedy, modest, small]) link.bytes = 0;

    await clock.advance(4_000);

    const sum = greedy.bytes + modest.bytes + small.bytes;
    for (const link of [greedy, modest, small])
      assert.ok(link.bytes >= 0.25 * sum, `${link.peerKey} got ${link.bytes} of ${sum}`);
    assert.ok(sum >= 0.95 * 4 * 60 * MB, `${sum} in 4 s of 60 MB/s`);
  }).timeout(20_000);

  it('holds the limit of a room, and nobody else because of it', async () => {
    const room = new RateLimit(MB, clock);
    const all = new RateLimit(10 * MB, clock);
    serve({ uploadLimit: all, limitsFor: (key) => (key === 'slow' ? [room] : []) });
    const [slow, quick] = [fetcher('slow'), fetcher('quick')];
    for (const link of [slow, quick]) link.isLan = true;

    await clock.advance(10_000);
    const before = [slow.bytes, quick.bytes] as const;
    room.bytesPerSecond = 3 * MB;
    await clock.advance(10_000);

    assertNear(before[0], 10 * MB);
    assertNear(before[1], 90 * MB);
    assertNear(slow.bytes - before[0], 30 * MB);
    assertNear(quick.bytes - before[1], 70 * MB);
  }).timeout(20_000);

  it('lets a frame out when all of its limits allow it', async () => {
    const limits = [new RateLimit(4 * MB, clock), new RateLimit(2 * MB, clock)];
    serve({ uploadLimit: new RateLimit(8 * MB, clock), limitsFor: () => limits });
    const link = fetcher('peer');
    link.isLan = true;

    await clock.advance(10_000);

    assertNear(link.bytes, 20 * MB);
  });

  it('stands still while it is paused, sends everybody away for a while, and goes on afterwards', async () => {
    serve({ uploadLimit: new RateLimit(10 * MB, clock) });
    const link = fetcher('peer');
    await clock.advance(300);

    seeder.pause();
    await clock.advance(0); // What was read has gone or was sent away.
    const paused = link.bytes;
    await clock.advance(10_000);
    assert.equal(link.bytes, paused);
    assert.ok(link.rejects.length > 0);
    assert.ok(link.rejects.every(({ reason, retryMs }) => reason === 'busy' && retryMs > 0));

    const late = fetcher('late');
    await clock.advance(0);
    assert.deepEqual(
      late.refusals.map(({ reason, retryMs }) => [reason, retryMs > 0]),
      [['busy', true]],
    );

    seeder.resume();
    await clock.advance(20_000);
    assert.ok(link.bytes > paused);
  });

  it('serves eight at a time and tells the others when to come back; in the end all have got something', async () => {
    serve({ uploadLimit: new RateLimit(60 * MB, clock) });
    const links = Array.from({ length: 12 }, (_, i) => fetcher(`peer ${i}`, { requests: 2, chunks: 16 }));

    await clock.advance(5_000);
    const late = links.map((link) => link.bytes);
    await clock.advance(1_000);
    const served = links.filter((link, i) => link.bytes > late[i]!);
    await clock.advance(50_000);

    assert.ok(
      late.every((bytes) => bytes >= 5 * MB),
      late.join(' '),
    );
    assert.equal(served.length, 8);
    for (const [i, link] of links.entries()) assert.ok(link.bytes > late[i]! + 20 * MB, `peer ${i}`);
    assert.ok(links.some(({ rejects }) => rejects.length > 0));
  }).timeout(20_000);

  it('keeps a slot for who gave us something', async () => {
    serve({ uploadLimit: new RateLimit(60 * MB, clock) });
    const links = Array.from({ length: 12 }, (_, i) => fetcher(`peer ${i}`, { requests: 2, chunks: 16 }));
    const giver = links[11]!;
    seeder.credit(giver.peerKey, 10 * MB);
    await clock.advance(15_000); // Until the slots were looked at.
    giver.rejects.length = 0;

    await clock.advance(45_000);

    assert.deepEqual(giver.rejects, []);
  }).timeout(20_000);

  it('needs no slots for peers of the local network', async () => {
    serve({ uploadLimit: new RateLimit(60 * MB, clock) });
    const links = Array.from({ length: 20 }, (_, i) => fetcher(`peer ${i}`, { requests: 2, chunks: 16 }));
    for (const link of links) link.isLan = true;

    await clock.advance(6_000);

    assert.ok(links.every(({ rejects }) => rejects.length === 0));
    assert.ok(links.every(({ bytes }) => bytes > 12 * MB));
  }).timeout(20_000);

  it('uses the memory of a frame again only when the connection is done with it', async () => {
    serve({}, true);
    const link = new FakeLink('peer');
    const kept: { readonly message: DataMessage; readonly onTaken: () => void }[] = [];
    const memory = new Set<ArrayBufferLike>();
    link.send = (message: TransferMessage, onTaken?: () => void) => {
      if (message.type !== 'data') return true;
      kept.push({ message, onTaken: onTaken! });
      memory.add(message.bytes.buffer);
      return false; // The bytes are read until `onTaken`.
    };
    seeder.attach(link, () => true);
    link.say({ type: 'open', handle: 1, contentId: id });
    await clock.advance(0);
    for (let first = 0; first < 256; first += 64) link.say({ type: 'request', handle: 1, first, count: 64 });

    let frames = 0;
    for (let at = 0; at < 256;) {
      await clock.advance(1);
      const [{ message, onTaken }] = kept as [(typeof kept)[0]];
      const count = message.bytes.byteLength / CHUNK_BYTES;
      assert.equal(message.first, at);
      assert.ok(bytesOf(content, at, count).equals(message.bytes), `chunks from ${at} on were written over`);
      kept.shift();
      onTaken();
      link.drain();
      at += count;
      frames++;
    }

    assert.ok(frames > 16);
    // Two of each of the five sizes at most, as frames grow.
    assert.ok(memory.size <= 10, `${memory.size} pieces of memory for ${frames} frames`);
  });

  it('tells of each peer what it gets', async () => {
    serve({ uploadLimit: new RateLimit(6 * MB, clock) });
    const [a, b] = [fetcher('a'), fetcher('b')];
    const idle = new FakeLink('idle');
    seeder.attach(idle, () => true);
    idle.say({ type: 'open', handle: 1, contentId: id });

    await clock.advance(4_000);

    const [upload] = seeder.state;
    assert.equal(upload!.peers, 3);
    const takers = new Map(upload!.takers.map((taker) => [taker.key, taker]));
    assert.equal(takers.get('a')!.bytes, a.bytes);
    assert.equal(takers.get('b')!.bytes, b.bytes);
    assertNear(takers.get('a')!.rate, 3 * MB, 0.1);
    assert.deepEqual(takers.get('idle'), { key: 'idle', isLane: false, phase: 'idle', rate: 0, bytes: 0 });
    assert.equal(takers.get('a')!.phase, 'active');
    assert.equal(upload!.takers.at(-1)!.key, 'idle', 'quickest first');
  });
});

interface FetchOptions {
  readonly handles?: number;
  /** Requests that are open on all handles together; less than the whole package on each. */
  readonly requests?: number;
  readonly chunks?: number;
  readonly rttMs?: number;
}

/** A peer that asks for more as soon as something came, and keeps none of it. */
class Fetcher extends FakeLink {
  bytes = 0;
  readonly rejects: Extract<TransferMessage, { type: 'reject' }>[] = [];
  readonly refusals: Extract<TransferMessage, { type: 'refused' }>[] = [];
  readonly #asked: number[] = [];
  #turn = 0;
  #left = 0;
  #awayUntil = 0;

  constructor(
    key: string,
    private readonly clock: VirtualClock,
    private readonly options: FetchOptions,
  ) {
    super(key);
  }

  start(contentId: string): void {
    for (let handle = 1; handle <= (this.options.handles ?? 1); handle++) this.say({ type: 'open', handle, contentId });
  }

  override send(message: TransferMessage, onTaken?: () => void): boolean {
    onTaken?.();
    const { rttMs = 0 } = this.options;
    if (message.type === 'refused') this.refusals.push(message);
    if (message.type === 'reject') {
      this.rejects.push(message);
      this.#left -= message.count;
      if (message.retryMs === 1_000) return true; // Its queue is full: the next chunk makes it ask again.
      this.#awayUntil = this.clock.now() + message.retryMs;
      this.clock.after(message.retryMs, () => this.#ask());
    }
    if (message.type === 'data') {
      this.bytes += message.bytes.byteLength;
      this.#left -= message.bytes.byteLength / CHUNK_BYTES;
    }
    if (message.type === 'opened' || message.type === 'data') this.clock.after(rttMs, () => this.#ask());
    return true;
  }

  #ask(): void {
    const { handles = 1, requests = 8, chunks = 16 } = this.options;
    while (this.clock.now() >= this.#awayUntil && this.#left + chunks <= requests * chunks) {
      this.#left += chunks;
      const handle = 1 + (this.#turn++ % handles);
      const asked = (this.#asked[handle] ??= 0);
      this.#asked[handle] = asked + chunks;
      this.say({ type: 'request', handle, first: asked % 256, count: chunks });
    }
  }
}

function assertNear(actual: number, expected: number, share = 0.05): void {
  assert.ok(Math.abs(actual - expected) <= share * expected, `${actual} is not near ${expected}`);
}
