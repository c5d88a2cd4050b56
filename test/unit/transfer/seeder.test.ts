import assert from 'node:assert/strict';
import { LoraSwarmError } from '../../../src/engine/errors';
import { Emitter } from '../../../src/engine/events';
import { CHUNK_BYTES, GROUP_CHUNKS } from '../../../src/engine/limits';
import { silentLog } from '../../../src/engine/log';
import type { ChunkRange, TransferMessage } from '../../../src/engine/net/transferMessages';
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

describe('Seeder', () => {
  let content: TestPackage;
  let id: string;
  before(async () => {
    content = await makePackage({ weights: 20 * MIB });
    ({ id } = content.manifest);
  });

  it('gives manifest, hashes and chunks, in this order whatever was asked first', async () => {
    const { link, settle } = await opened(content);

    link.say({ type: 'request', handle: 1, first: 0, count: 2 });
    link.say({ type: 'getHashes', handle: 1, group: 0 });
    link.say({ type: 'getManifest', handle: 1 });
    await settle();

    const types = link.sent.map(({ type }) => type);
    assert.deepEqual(types.slice(0, 1), ['opened']);
    assertBytes(link.sentOf('manifest')[0]!.bytes, content.manifest.bytes);
    assertBytes(link.sentOf('hashes')[0]!.bytes, content.chunkHashes.subarray(0, GROUP_CHUNKS * 32));
    assertBytes(received(link), bytesOf(content, 0, 2));
  });

  it('takes questions that come before the package is open', async () => {
    const { link, settle } = serve(content);

    link.say({ type: 'open', handle: 1, contentId: id });
    link.say({ type: 'getManifest', handle: 1 });
    link.say({ type: 'request', handle: 1, first: 3, count: 1 });
    await settle();

    assert.deepEqual(
      link.sent.map(({ type }) => type),
      ['opened', 'manifest', 'data'],
    );
  });

  it('sends no frame over the end of a file', async () => {
    const small = await makePackage({ weights: 100_000 });
    const { link, settle } = await opened(small);

    for (let first = 0; first < 4; first++) link.say({ type: 'request', handle: 1, first, count: 1 });
    await settle();

    assert.deepEqual(
      link.sentOf('data').map(({ first, bytes }) => [first, bytes.byteLength]),
      [
        [0, CHUNK_BYTES],
        [1, 100_000 - CHUNK_BYTES],
        [2, 200],
        [3, 100],
      ],
    );
  });

  it('says the same of what is not here and of what is not shared with this peer', async () => {
    const { link, settle } = serve(content, { allows: (contentId) => contentId !== id });

    link.say({ type: 'open', handle: 1, contentId: id });
    link.say({ type: 'open', handle: 2, contentId: '00'.repeat(32) });
    await settle();

    assert.deepEqual(link.sent, [
      { type: 'refused', handle: 1, reason: 'unknown', retryMs: 0 },
      { type: 'refused', handle: 2, reason: 'unknown', retryMs: 0 },
    ]);
  });

  it('stops when the peer may not have it any more', async () => {
    let isAllowed = true;
    const { link, settle } = await opened(content, { allows: () => isAllowed });

    isAllowed = false;
    link.say({ type: 'request', handle: 1, first: 0, count: 1 });
    await settle();

    assert.deepEqual(link.sent.at(-1), { type: 'closed', handle: 1, reason: 'gone' });
    assert.equal(link.sentOf('data').length, 0);
  });

  it('tells everyone when it is revoked, and sends nothing of what was asked before', async () => {
    const { seeder, link, settle } = await opened(content);
    link.isReading = false;
    link.say({ type: 'request', handle: 1, first: 0, count: 64 });
    await settle();
    const before = link.sentOf('data').length;

    seeder.revoke(id);
    link.drain();
    await settle();

    assert.deepEqual(link.sentOf('closed'), [{ type: 'closed', handle: 1, reason: 'gone' }]);
    assert.equal(link.sentOf('data').length, before);
    assert.deepEqual(seeder.state, []);
  });

  it('sends a chunk once that is asked again while it waits', async () => {
    const { link, settle } = await opened(content);
    link.isReading = false;
    link.say({ type: 'request', handle: 1, first: 0, count: 1 });
    await settle();

    for (let i = 0; i < 100; i++) link.say({ type: 'request', handle: 1, first: 8, count: 4 });
    link.isReading = true;
    link.drain();
    await settle();

    assertBytes(received(link), Buffer.concat([bytesOf(content, 0, 1), bytesOf(content, 8, 4)]));
  });

  it('does not send what was cancelled', async () => {
    const { link, settle } = await opened(content);
    link.isReading = false;
    link.say({ type: 'request', handle: 1, first: 0, count: 1 });
    link.say({ type: 'request', handle: 1, first: 1, count: 1 });
    await settle();

    link.say({ type: 'request', handle: 1, first: 4, count: 6 });
    link.say({ type: 'cancel', handle: 1, first: 5, count: 4 });
    link.isReading = true;
    link.drain();
    await settle();

    const chunks = [0, 1, 4, 9].map((chunk) => bytesOf(content, chunk, 1));
    assertBytes(received(link), Buffer.concat(chunks));
  });

  it('queues 64 requests of a peer and sends the rest away for a while', async () => {
    const { link, settle } = await opened(content);
    link.isReading = false;

    for (let i = 0; i < 80; i++) link.say({ type: 'request', handle: 1, first: i * 2, count: 1 });
    await settle();

    // Two are out of the queue: one in the connection and one read.
    const rejected = link.sentOf('reject');
    assert.ok(rejected.length >= 80 - 64 - 2 && rejected.length <= 80 - 64, `${rejected.length} rejected`);
    assert.ok(rejected.every(({ reason, retryMs }) => reason === 'busy' && retryMs > 0));
  });

  it('keeps a place for everybody when greedy peers fill the queue', async () => {
    const { seeder, settle } = serve(content);
    const greedy = Array.from({ length: 6 }, (_, i) => new FakeLink(`0${i}`));
    const modest = new FakeLink('ff');
    for (const link of [...greedy, modest]) {
      link.isReading = false;
      seeder.attach(link, () => true);
      link.say({ type: 'open', handle: 1, contentId: id });
    }
    await settle();

    for (const link of greedy)
      for (let i = 0; i < 64; i++) link.say({ type: 'request', handle: 1, first: i * 2, count: 1 });
    for (let i = 0; i < 4; i++) modest.say({ type: 'request', handle: 1, first: i, count: 1 });
    await settle();

    const queued = greedy.reduce((sum, link) => sum + 64 - link.sentOf('reject').length, 0);
    assert.ok(queued <= 256 + 6 * 4 + 12, `${queued} queued`);
    assert.deepEqual(modest.sentOf('reject'), []);
  });

  it('reads little for peers that do not read, however much they ask', async () => {
    let bytesRead = 0;
    const { seeder, settle } = serve(content, { onRead: (bytes) => (bytesRead += bytes) });
    const links = Array.from({ length: 50 }, (_, i) => new FakeLink(`${i}`));
    for (const link of links) {
      link.isReading = false;
      seeder.attach(link, () => true);
      link.say({ type: 'open', handle: 1, contentId: id });
      for (let i = 0; i < 5; i++) link.say({ type: 'request', handle: 1, first: i * 64, count: 64 });
    }
    await settle(40);

    assert.ok(bytesRead <= 50 * 2 * CHUNK_BYTES, `${bytesRead / MIB} MiB read`);
    assert.ok(bytesRead >= 50 * CHUNK_BYTES);
  });

  it('strikes the peer that reads least when memory is full', async () => {
    const { seeder, clock, settle } = serve(content);
    const links = Array.from({ length: 20 }, (_, i) => new FakeLink(`${i}`));
    for (const link of links) {
      link.isLan = true; // So that all are served at once.
      link.isLane = true; // There frames grow longest.
      seeder.attach(link, () => true);
      link.say({ type: 'open', handle: 1, contentId: id });
    }
    await settle();
    // Quick at first, so that frames grow to 1 MiB, then nobody reads any more.
    for (let first = 0; first < 256; first += 64)
      for (const link of links) link.say({ type: 'request', handle: 1, first, count: 64 });
    await settle(400);
    for (const link of links) {
      link.isReading = false;
      for (let first = 0; first < 256; first += 64) link.say({ type: 'request', handle: 1, first, count: 64 });
    }
    await settle(60);
    const unread = () => links.reduce((sum, link) => sum + lastBytes(link), 0);
    assert.ok(unread() <= 32 * MIB, `${unread() / MIB} MiB`);

    await clock.advance(20_000);

    assert.ok(links.some(({ strikes }) => strikes.includes('notReading')));
  });

  it('rejects what is invalid, and strikes at the 65th', async () => {
    const { link, settle } = await opened(content);
    const { chunks, groups } = new ChunkMap(content.manifest);
    const invalid: TransferMessage[] = [
      { type: 'request', handle: 1, first: chunks, count: 1 },
      { type: 'request', handle: 1, first: chunks - 1, count: 2 },
      { type: 'request', handle: 1, first: 60, count: 8 }, // Two groups.
      { type: 'getHashes', handle: 1, group: groups },
    ];

    for (let i = 0; i < 64; i++) link.say(invalid[i % 4]!);
    await settle();
    assert.deepEqual(link.strikes, []);
    assert.equal(link.sentOf('data').length, 0);
    link.say(invalid[0]!);

    assert.deepEqual(link.strikes, ['invalidRequests']);
  });

  it('strikes a flood at once, and forgives the messages of who really fetches', async () => {
    const { link, settle } = await opened(content);
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 60; i++) link.say({ type: 'request', handle: 1, first: round * 2 + i * 4, count: 1 });
      await settle(100);
    }
    assert.deepEqual(link.strikes, []);

    for (let i = 0; i < 1_000_000; i++) link.say({ type: 'getHashes', handle: 77, group: 0 });

    assert.deepEqual(link.strikes, ['flood']);
  });

  it('stops for all and says so when the file is not what was shared', async () => {
    const problems: string[] = [];
    const changed = new LoraSwarmError('SOURCE_CHANGED', 'changed');
    const { seeder, link, settle } = await opened(content, {
      onRead: (_bytes, first) => {
        if (first >= 16) throw changed;
      },
      onSourceProblem: (contentId, error) => problems.push(`${contentId} ${error.message}`),
    });
    const other = new FakeLink('other');
    seeder.attach(other, () => true);
    other.say({ type: 'open', handle: 9, contentId: id });
    link.say({ type: 'request', handle: 1, first: 0, count: 40 });
    await settle(60);

    assert.deepEqual(problems, [`${id} changed`]);
    assert.deepEqual(link.sentOf('closed'), [{ type: 'closed', handle: 1, reason: 'changed' }]);
    assert.deepEqual(other.sentOf('closed'), [{ type: 'closed', handle: 9, reason: 'changed' }]);
    assertBytes(received(link), bytesOf(content, 0, received(link).byteLength / CHUNK_BYTES));
  });

  it('lets peers open a download again that has finished and moved, and reports no problem', async () => {
    const { held, reader } = partialReader(content);
    for (let chunk = 0; chunk < 10; chunk++) held.set(chunk);
    const moved = new LoraSwarmError('SOURCE_MISSING', 'moved');
    const { link, settle } = await opened(content, { reader: { ...reader, read: () => Promise.reject(moved) } });

    link.say({ type: 'request', handle: 1, first: 0, count: 1 });
    await settle();
    link.say({ type: 'open', handle: 2, contentId: id });
    await settle();

    assert.deepEqual(link.sentOf('closed'), [{ type: 'closed', handle: 1, reason: 'gone' }]);
    assert.equal(link.sentOf('opened').length, 2);
  });

  it('lets a peer try again later when the disk fails', async () => {
    const { link, settle } = await opened(content, {
      onRead: () => {
        throw new LoraSwarmError('STORE_FAILED', 'EIO');
      },
    });

    link.say({ type: 'request', handle: 1, first: 0, count: 1 });
    await settle();

    assert.deepEqual(
      link.sentOf('reject').map(({ reason }) => reason),
      ['busy'],
    );
  });

  it('shows what it has of a running download, and tells what comes', async () => {
    const { map, held, hold, reader } = partialReader(content);
    for (let chunk = 0; chunk < 10; chunk++) held.set(chunk);
    const { link, clock, settle } = await opened(content, { reader });
    const shown = link.sentOf('opened')[0]!.have;

    link.say({ type: 'request', handle: 1, first: 8, count: 4 });
    for (const range of [
      { first: 10, count: 2 },
      { first: 40, count: 1 },
      { first: 12, count: 1 },
    ])
      hold(range);
    await clock.advance(100);
    await settle();

    assert.equal(new Bitfield(map.chunks, shown as Uint8Array).count, 10);
    assertBytes(received(link), bytesOf(content, 8, 2));
    assert.deepEqual(link.sentOf('reject'), [
      { type: 'reject', handle: 1, first: 10, count: 2, reason: 'notHeld', retryMs: 0 },
    ]);
    assert.deepEqual(link.sentOf('have'), [
      {
        type: 'have',
        handle: 1,
        ranges: [
          { first: 10, count: 3 },
          { first: 40, count: 1 },
        ],
      },
    ]);
  });

  it('divides the limit fairly between a peer with long requests and one with short ones', async () => {
    const { seeder, link, clock, settle } = await opened(content, { limit: 4 * MIB });
    const short = new FakeLink('short');
    seeder.attach(short, () => true);
    short.say({ type: 'open', handle: 1, contentId: id });
    await settle();

    for (let first = 0; first < 256; first += 64) link.say({ type: 'request', handle: 1, first, count: 64 });
    for (let first = 0; first < 60; first++) short.say({ type: 'request', handle: 1, first, count: 1 });
    await clock.advance(1_500);

    const [long, little] = [received(link).byteLength, received(short).byteLength];
    assert.ok(long + little <= 4 * MIB * 2, `${(long + little) / MIB} MiB in 1.5 s of 4 MiB/s`);
    assert.ok(Math.abs(long - little) <= MIB, `${long / MIB} and ${little / MIB} MiB`);
    seeder.dispose();
  });

  it('closes the reader when the last peer is done, and opens it again for the next', async () => {
    let opens = 0;
    let closes = 0;
    const { seeder, link, settle } = await opened(content, { onOpen: () => opens++, onClose: () => closes++ });
    link.say({ type: 'open', handle: 2, contentId: id });
    await settle();
    assert.deepEqual([opens, closes], [1, 0]);
    assert.deepEqual(
      seeder.state.map(({ contentId, peers }) => [contentId, peers]),
      [[id, 1]],
    );

    link.say({ type: 'close', handle: 1 });
    link.say({ type: 'close', handle: 2 });
    await settle();
    assert.deepEqual([opens, closes], [1, 1]);

    link.say({ type: 'open', handle: 3, contentId: id });
    await settle();
    link.close();
    await settle();
    assert.deepEqual([opens, closes, seeder.state], [2, 2, []]);
  });
});

interface Options {
  readonly allows?: (contentId: string) => boolean;
  readonly limit?: number;
  readonly reader?: PackageReader;
  readonly onRead?: (bytes: number, first: number) => void;
  readonly onOpen?: () => void;
  readonly onClose?: () => void;
  readonly onSourceProblem?: SeederParts['onSourceProblem'];
}

function serve(content: TestPackage, options: Options = {}) {
  const clock = new VirtualClock();
  const link = new FakeLink('peer');
  const seeder = new Seeder({
    open: (contentId) => {
      if (contentId !== content.manifest.id) return Promise.resolve(undefined);
      options.onOpen?.();
      return Promise.resolve(options.reader ?? wholeReader(content, options));
    },
    uploadLimit: new RateLimit(options.limit ?? 0, clock),
    log: silentLog,
    onSourceProblem: options.onSourceProblem ?? ((_id, error) => assert.fail(error)),
    clock,
  });
  seeder.attach(link, options.allows ?? (() => true));
  const settle = async (turns = 12) => {
    for (let i = 0; i < turns; i++) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return { seeder, link, clock, settle };
}

async function opened(content: TestPackage, options: Options = {}) {
  const served = serve(content, options);
  served.link.say({ type: 'open', handle: 1, contentId: content.manifest.id });
  await served.settle();
  return served;
}

function wholeReader(content: TestPackage, { onRead, onClose }: Options): PackageReader {
  const map = new ChunkMap(content.manifest);
  return {
    manifest: content.manifest,
    map,
    held: Bitfield.full(map.chunks),
    hashes: (group) => {
      const { firstChunk, chunks } = map.group(group);
      return Promise.resolve(content.chunkHashes.subarray(firstChunk * 32, (firstChunk + chunks) * 32));
    },
    read: (first, count) =>
      Promise.resolve().then(() => {
        const bytes = bytesOf(content, first, count);
        onRead?.(bytes.byteLength, first);
        return bytes;
      }),
    close: () => {
      onClose?.();
      return Promise.resolve();
    },
  };
}

function partialReader(content: TestPackage) {
  const whole = wholeReader(content, {});
  const held = new Bitfield(whole.map.chunks);
  const events = new Emitter<ChunkRange>();
  const reader: PackageReader = { ...whole, held, onDidHold: events.event };
  const hold = (range: ChunkRange) => {
    for (let chunk = range.first; chunk < range.first + range.count; chunk++) held.set(chunk);
    events.fire(range);
  };
  return { map: whole.map, held, hold, reader };
}

function received(link: FakeLink): Buffer {
  return Buffer.concat(link.sentOf('data').map(({ bytes }) => bytes));
}

/** Without the difference of megabytes that `deepEqual` would print. */
function assertBytes(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.byteLength, expected.byteLength);
  assert.ok(Buffer.from(actual).equals(expected), 'other bytes');
}

/** Bytes of the frame that the link has not taken. */
function lastBytes(link: FakeLink): number {
  return link.isReading ? 0 : (link.sentOf('data').at(-1)?.bytes.byteLength ?? 0);
}
