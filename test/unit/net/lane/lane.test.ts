import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import tls from 'node:tls';
import { silentLog } from '../../../../src/engine/log';
import { makeLaneCertificate } from '../../../../src/engine/net/lane/laneCertificate';
import { LaneReader, encodeDataHead, encodeLaneMessage, setPlace } from '../../../../src/engine/net/lane/laneFrames';
import { LaneLink } from '../../../../src/engine/net/lane/laneLink';
import { LaneOrder } from '../../../../src/engine/net/lane/laneOrder';
import { Lanes, type LaneSocket } from '../../../../src/engine/net/lane/lanes';
import type { TransferMessage } from '../../../../src/engine/net/transferMessages';

const HOST = '127.0.0.1';
const LANE = '0123456789abcdef';

describe('messages of the lane', () => {
  it('are put together from pieces of any size', () => {
    const sent: TransferMessage[] = [
      { type: 'open', handle: 7, contentId: 'ab'.repeat(32) },
      { type: 'data', handle: 7, first: 3, bytes: randomBytes(200_000) },
      { type: 'have', handle: 7, ranges: [{ first: 1, count: 2 }] },
    ];
    const bytes = Buffer.concat(
      sent.map((message, place) => {
        const encoded = encodeLaneMessage(message);
        setPlace(encoded, place);
        return encoded;
      }),
    );

    for (const size of [1, 5, 16_384, bytes.length]) {
      const got: [number, TransferMessage | undefined][] = [];
      const reader = new LaneReader((place, message) =>
        got.push([place, message?.type === 'data' ? { ...message, bytes: Buffer.from(message.bytes) } : message]),
      );
      for (let at = 0; at < bytes.length; at += size) reader.take(bytes.subarray(at, at + size));

      assert.deepEqual(got, [...sent.entries()], `in pieces of ${size}`);
    }
  });

  it('have the same bytes when chunks are written from where they are', () => {
    for (const size of [1, 252, 253, 65_535, 65_536, 1_048_576]) {
      const message = { type: 'data' as const, handle: 300, first: 70_000, bytes: randomBytes(size) };

      assert.deepEqual(Buffer.concat([encodeDataHead(message), message.bytes]), encodeLaneMessage(message));
    }
  });

  it('skip a number of a later version', () => {
    const got: (TransferMessage | undefined)[] = [];
    const reader = new LaneReader((_place, message) => got.push(message));
    const unknown = Buffer.from([7, 0, 0, 0, 0, 0, 0, 0, 200, 1, 2]);

    reader.take(Buffer.concat([unknown, encodeLaneMessage({ type: 'close', handle: 1 })]));

    assert.deepEqual(got, [undefined, { type: 'close', handle: 1 }]);
  });

  for (const [what, bytes] of [
    ['nothing', [0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['more than a frame', [0, 0, 0x20, 0, 0, 0, 0, 0, 8]],
    ['a control message over its limit', [6, 0, 1, 0, 0, 0, 0, 0, 1]],
    ['fields that are not there', [5, 0, 0, 0, 0, 0, 0, 0, 0]],
  ] as const)
    it(`refuse a length of ${what}`, () => {
      const reader = new LaneReader(() => undefined);

      assert.throws(() => reader.take(Buffer.from(bytes)), { code: 'MESSAGE_INVALID' });
    });
});

describe('order on the lane', () => {
  const message = (handle: number): TransferMessage => ({ type: 'close', handle });

  it('is that of sending, whichever connection was quicker', () => {
    const got: number[] = [];
    const order = new LaneOrder(({ handle }) => got.push(handle));

    for (const place of [2, 0, 3, 1, 4]) order.take(place, message(place));

    assert.deepEqual(got, [0, 1, 2, 3, 4]);
  });

  it('keeps the chunks of who came early, though their buffer is used again', () => {
    const got: string[] = [];
    const order = new LaneOrder((each) => got.push(each.type === 'data' ? Buffer.from(each.bytes).toString() : ''));
    const buffer = Buffer.from('early');

    order.take(1, { type: 'data', handle: 1, first: 0, bytes: buffer });
    buffer.fill('x');
    order.take(0, undefined);

    assert.deepEqual(got, ['early']);
  });

  it('refuses a place that was there, and one far ahead', () => {
    const order = new LaneOrder(() => undefined);
    order.take(0, message(0));
    order.take(2, message(2));

    for (const place of [0, 2, 5_000])
      assert.throws(() => order.take(place, message(place)), { code: 'MESSAGE_INVALID' });
  });

  it('holds no more than its limit', () => {
    const order = new LaneOrder(() => undefined);
    const frame = (place: number): TransferMessage => ({
      type: 'data',
      handle: 1,
      first: place,
      bytes: Buffer.alloc(1_048_576),
    });

    assert.throws(() => Array.from({ length: 100 }, (_, i) => order.take(i + 1, frame(i + 1))), {
      code: 'MESSAGE_INVALID',
    });
  });
});

describe('the lane', () => {
  let giver: Lanes;
  let taker: Lanes;
  beforeEach(() => {
    giver = new Lanes({ host: HOST, log: silentLog });
    taker = new Lanes({ host: HOST, log: silentLog });
  });
  afterEach(async () => {
    await giver.close();
    await taker.close();
  });

  it('carries messages both ways between the two that expect each other, and frames as they are', async () => {
    const { mine, theirs } = await connect(giver, taker);
    const chunks = randomBytes(1_048_576);
    const heard = next(mine);
    const asked = next(theirs);

    mine.send({ type: 'getManifest', handle: 1 });
    const isTaken = await new Promise<boolean>((resolve) => {
      theirs.send({ type: 'data', handle: 1, first: 0, bytes: chunks }, () => resolve(true));
    });

    assert.equal(isTaken, true);
    assert.deepEqual(await asked, { type: 'getManifest', handle: 1 });
    assert.deepEqual(await heard, { type: 'data', handle: 1, first: 0, bytes: chunks });
  });

  it('asks to wait while chunks go out, tells when it takes more, and lets answers go first', async () => {
    const { mine, theirs } = await connect(giver, taker);
    const chunks = randomBytes(1_048_576);
    const order: string[] = [];
    mine.onDidReceive(({ type }) => order.push(type));
    const drained = new Promise<void>((resolve) => theirs.onDidDrain(resolve));
    const all = new Promise<void>((resolve) => mine.onDidReceive(() => order.length === 4 && resolve()));

    const takesMore = [1, 2, 3].map((first) => theirs.send({ type: 'data', handle: 1, first, bytes: chunks }));
    theirs.send({ type: 'reject', handle: 1, first: 9, count: 1, reason: 'busy', retryMs: 1 });
    await drained;
    await all;

    assert.deepEqual(takesMore, [false, false, false]);
    assert.deepEqual(order, ['data', 'reject', 'data', 'data']);
  });

  it('is one lane over several connections', async () => {
    const port = await giver.listen();
    const theirs = new LaneLink(quiet);
    giver.expect(taker.fingerprint!, (socket) => theirs.add(socket));
    const mine = new LaneLink(quiet);
    const address = { host: HOST, port, fingerprint: giver.fingerprint!, lane: LANE };
    for (let i = 0; i < 4; i++) mine.add(await taker.dial(address));
    const sent = Array.from({ length: 24 }, (_, first) => ({
      type: 'data' as const,
      handle: 1,
      first,
      bytes: randomBytes(first % 3 === 0 ? 1_048_576 : 65_536),
    }));
    const got: number[] = [];
    const all = new Promise<void>((resolve) => {
      mine.onDidReceive((message) => {
        if (message.type !== 'data') return;
        assert.ok(sent[got.length]!.bytes.equals(message.bytes), `frame ${message.first}`);
        got.push(message.first);
        if (got.length === sent.length) resolve();
      });
    });

    for (const message of sent) theirs.send(message);
    await all;

    assert.equal(theirs.size, 4);
    assert.deepEqual(
      got,
      sent.map(({ first }) => first),
    );
    mine.end();
  });

  it('never lets chunks pass an answer that was sent before them, on whichever connection', async () => {
    const port = await giver.listen();
    const theirs = new LaneLink(quiet);
    giver.expect(taker.fingerprint!, (socket) => theirs.add(socket));
    const mine = new LaneLink(quiet);
    const address = { host: HOST, port, fingerprint: giver.fingerprint!, lane: LANE };
    for (let i = 0; i < 4; i++) mine.add(await taker.dial(address));
    const answered = new Set<number>();
    const early: number[] = [];
    const all = new Promise<void>((resolve) => {
      mine.onDidReceive((message) => {
        if (message.type === 'reject') answered.add(message.first);
        if (message.type !== 'data') return;
        if (!answered.has(message.first)) early.push(message.first);
        if (message.first === 11) resolve();
      });
    });
    const chunks = randomBytes(1_048_576);

    for (let first = 0; first < 12; first++) {
      theirs.send({ type: 'reject', handle: 1, first, count: 1, reason: 'busy', retryMs: 1 });
      theirs.send({ type: 'data', handle: 1, first, bytes: chunks });
    }
    await all;

    assert.deepEqual(early, []);
    mine.end();
  });

  it('is closed to whoever shows another certificate', async () => {
    const port = await giver.listen();
    giver.expect(randomBytes(32), () => assert.fail('somebody got in'));

    const { socket } = await taker.dial({ host: HOST, port, fingerprint: giver.fingerprint!, lane: LANE });
    await once(socket, 'close');
  });

  it('does not take somebody else for the one who was dialled', async () => {
    const port = await giver.listen();
    giver.expect(taker.fingerprint!, ({ socket }) => socket.on('error', () => undefined));

    await assert.rejects(taker.dial({ host: HOST, port, fingerprint: randomBytes(32), lane: LANE }), /somebody else/);
  });

  it('does not take the certificate alone for the one who has its key', () => {
    const shown = makeLaneCertificate();
    const other = makeLaneCertificate();
    const server = () =>
      tls.createServer({ cert: shown.certificate, key: other.key.export({ type: 'pkcs8', format: 'pem' }) });

    assert.throws(server, /key values mismatch/);
  });

  it('gives up on who does not answer within a second', async () => {
    const silent = tls.createServer().listen(0, HOST);
    await once(silent, 'listening');
    silent.removeAllListeners('connection');
    const { port } = silent.address() as { port: number };
    const begun = performance.now();

    await assert.rejects(taker.dial({ host: HOST, port, fingerprint: randomBytes(32), lane: LANE }));

    assert.ok(performance.now() - begun < 3_000);
    silent.close();
  });

  it('ends a peer that breaks the protocol, and nothing else', async () => {
    const faults: string[] = [];
    const { mine, theirs, theirSocket } = await connect(giver, taker, (error) => faults.push(error.message));
    const closed = Promise.all([mine, theirs].map((link) => new Promise<void>((resolve) => link.onDidClose(resolve))));

    theirSocket.write(Buffer.alloc(9));
    await closed;

    assert.equal(faults.length, 1);
    assert.match(faults[0]!, /damaged message/);
    assert.equal(mine.isOpen, false);
  });
});

const quiet = { peerKey: 'aa', rttMs: () => 1, onStrike: () => undefined, onViolation: () => undefined };

/** @param onViolation of the side that dialled. */
async function connect(giver: Lanes, taker: Lanes, onViolation: (error: Error) => void = () => undefined) {
  const port = await giver.listen();
  const accepted = new Promise<LaneSocket>((resolve) => giver.expect(taker.fingerprint!, resolve));
  const dialled = await taker.dial({ host: HOST, port, fingerprint: giver.fingerprint!, lane: LANE });
  const answered = await accepted;
  return {
    mine: open(dialled, onViolation),
    theirs: open(answered, () => undefined),
    theirSocket: answered.socket,
  };
}

function open(socket: LaneSocket, onViolation: (error: Error) => void): LaneLink {
  const link = new LaneLink({ peerKey: 'aa', rttMs: () => 1, onStrike: () => undefined, onViolation });
  link.add(socket);
  return link;
}

function next(link: LaneLink): Promise<TransferMessage> {
  return new Promise((resolve) =>
    link.onDidReceive((message) =>
      resolve(message.type === 'data' ? { ...message, bytes: Buffer.from(message.bytes) } : message),
    ),
  );
}
