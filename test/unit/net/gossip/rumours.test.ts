import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import c from 'compact-encoding';
import { keyPair } from 'hypercore-crypto';
import { heard, rumours, tellMe } from '../../../../src/engine/net/gossip/gossipMessages';
import { isGenuine, makeRumours } from '../../../../src/engine/net/gossip/rumour';
import { RumourStore, hexOf } from '../../../../src/engine/net/gossip/rumourStore';
import { entries } from '../../../helpers/rumourTown';

const ROOM = createHash('sha256').update('one').digest();
const OTHER_ROOM = createHash('sha256').update('other').digest();
const KEYS = keyPair();

describe('a rumour', () => {
  it('is genuine in its room only, with every part of it as it was signed', () => {
    const [rumour] = makeRumours(ROOM, KEYS, 7, entries(3, 1));

    const changed = [
      { ...rumour!, seq: 8 },
      { ...rumour!, parts: 2 },
      { ...rumour!, origin: keyPair().publicKey },
      { ...rumour!, entries: rumour!.entries.slice(1) },
      { ...rumour!, entries: [...rumour!.entries].reverse() },
    ];

    assert.equal(isGenuine(ROOM, rumour!), true);
    assert.equal(isGenuine(OTHER_ROOM, rumour!), false);
    for (const other of changed) assert.equal(isGenuine(ROOM, other), false);
  });

  it('comes in parts that fit into a message, and as one when there is nothing', () => {
    const parts = makeRumours(ROOM, KEYS, 7, entries(500, 1));

    assert.ok(parts.every(({ entries: { length } }) => length <= 20));
    assert.equal(
      parts.reduce((sum, part) => sum + part.entries.length, 0),
      500,
    );
    assert.equal(makeRumours(ROOM, KEYS, 7, []).length, 1);
  });

  it('is the same after its way through the encoding', () => {
    const message = { rumours: makeRumours(ROOM, KEYS, 1_800_000_000_123, entries(21, 1)) };
    const names = { names: message.rumours.map(({ origin, seq, part, parts }) => ({ origin, seq, part, parts })) };
    const wanted = { wanted: names.names.map(({ origin, part }) => ({ origin, part })) };

    assert.deepEqual(plain(c.decode(rumours, c.encode(rumours, message))), plain(message));
    assert.deepEqual(plain(c.decode(heard, c.encode(heard, names))), plain(names));
    assert.deepEqual(plain(c.decode(tellMe, c.encode(tellMe, wanted))), plain(wanted));
  });

  it('of more than anybody may say is refused before memory is made for it', () => {
    const claims = Buffer.from('fdffff', 'hex'); // 65,535 of them.
    const parts = { origin: KEYS.publicKey, seq: 1, part: 3, parts: 3 };

    for (const encoding of [heard, tellMe, rumours])
      assert.throws(() => c.decode(encoding as typeof heard, claims), { code: 'MESSAGE_INVALID' });
    assert.throws(() => c.decode(heard, c.encode(heard, { names: [parts] })), { code: 'MESSAGE_INVALID' });
  });
});

describe('what was heard', () => {
  it('of an origin that says two things about one list is what it said first', () => {
    const store = new RumourStore(() => 0);
    const [first] = makeRumours(ROOM, KEYS, 7, entries(1, 1));
    const [second] = makeRumours(ROOM, KEYS, 7, entries(40, 2));

    assert.equal(
      store.add(first!, 'ana', () => undefined),
      true,
    );
    assert.equal(
      store.add(second!, 'ana', () => undefined),
      false,
    );
    assert.equal(store.listOf(hexOf(KEYS.publicKey)).length, 1);
  });

  it('gives way, when there is too much, where most came from', () => {
    const store = new RumourStore(() => 0);
    const gone: string[] = [];
    const quiet = keyPair();
    store.add(makeRumours(ROOM, quiet, 1, entries(20, 1))[0]!, 'ana', (origin) => gone.push(origin));

    for (let i = 0; i < 600; i++)
      store.add(makeRumours(ROOM, keyPair(), 1, entries(20, 2))[0]!, 'loud', (origin) => gone.push(origin));
    store.add(makeRumours(ROOM, keyPair(), 1, entries(20, 3))[0]!, 'ben', (origin) => gone.push(origin));

    assert.ok(store.entries <= 10_000, `${store.entries}`);
    assert.equal(gone.includes(hexOf(quiet.publicKey)), false);
    assert.equal(store.listOf(hexOf(quiet.publicKey)).length, 20);
    assert.equal(gone.length > 0, true, 'ben has a place');
  });
});

/** Bytes of whatever kind compare by what is in them. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, each: unknown) => (each instanceof Uint8Array ? hexOf(Uint8Array.from(each)) : each)),
  );
}
