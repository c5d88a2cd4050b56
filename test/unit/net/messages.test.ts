import assert from 'node:assert/strict';
import c, { type Encoder } from 'compact-encoding';
import { LoraSwarmError } from '../../../src/engine/errors';
import { MAX_CONTROL_BYTES } from '../../../src/engine/limits';
import {
  catalogDelta,
  catalogPage,
  hello,
  proofHandshake,
  rekey,
  type CatalogPage,
  type Hello,
} from '../../../src/engine/net/messages';

const HELLO: Hello = { version: 1, features: ['later'], name: 'Ana 🦙', epoch: 7, seq: 3, seenEpoch: 0, seenSeq: 0 };
const ENTRY = { authorKey: Buffer.alloc(32, 1), signature: Buffer.alloc(64, 2), payload: Buffer.from('{}') };
const PAGE: CatalogPage = { epoch: 7, seq: 3, isFirst: true, isLast: false, add: [ENTRY] };
const REKEY = {
  ownerKey: Buffer.alloc(32, 1),
  oldNonce: Buffer.alloc(32, 2),
  newNonce: Buffer.alloc(32, 3),
  removed: [Buffer.alloc(32, 4)],
  signature: Buffer.alloc(64, 5),
};

const CODECS: [name: string, encoding: Encoder<never>, value: unknown][] = [
  ['hello', hello as Encoder<never>, HELLO],
  ['catalog page', catalogPage as Encoder<never>, PAGE],
  ['catalog delta', catalogDelta as Encoder<never>, { epoch: 7, seq: 4, add: [ENTRY], remove: [Buffer.alloc(32, 9)] }],
  ['rekey', rekey as Encoder<never>, REKEY],
  ['proof', proofHandshake as Encoder<never>, Buffer.alloc(32, 1)],
];

describe('room messages', () => {
  for (const [name, encoding, value] of CODECS) {
    it(`${name} comes back as it was sent`, () => {
      assert.deepEqual(c.decode(encoding, c.encode(encoding, value as never)), value);
    });

    it(`${name} survives 2,000 damaged copies with our own errors only`, () => {
      const bytes = c.encode(encoding, value as never);
      let seed = 1;
      const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
      for (let i = 0; i < 2_000; i++) {
        const damaged = Buffer.from(bytes);
        for (let flips = 0; flips <= random(4); flips++) damaged[random(damaged.length)] = random(256);
        const cut = damaged.subarray(0, damaged.length - random(3));
        try {
          c.decode(encoding, cut);
        } catch (error) {
          // compact-encoding's own "Out of bounds" is wrapped at the channel; nothing else may come.
          assert.ok(
            error instanceof LoraSwarmError || /out of bounds|uint must be/i.test(String(error)),
            String(error),
          );
        }
      }
    });
  }

  it('ignores what a later version adds behind hello', () => {
    const bytes = Buffer.concat([c.encode(hello, HELLO), Buffer.from('later fields')]);

    assert.deepEqual(c.decode(hello, bytes), HELLO);
  });

  it('allocates by what came, not by what is declared', () => {
    const page = Buffer.from([7, 3, 3, 0xfe, 0xff, 0xff, 0xff, 0xff]); // 2^32 - 1 entries in 8 bytes

    assert.throws(() => c.decode(catalogPage, page), { code: 'MESSAGE_INVALID' });
  });

  it('refuses what is longer than any honest message', () => {
    const long = Buffer.alloc(MAX_CONTROL_BYTES + 1);

    assert.throws(() => c.decode(catalogPage, long), { code: 'MESSAGE_INVALID' });
    assert.throws(() => c.decode(catalogDelta, long), { code: 'MESSAGE_INVALID' });
    assert.throws(() => c.decode(hello, c.encode(hello, { ...HELLO, name: 'x'.repeat(400) })), {
      code: 'MESSAGE_INVALID',
    });
    assert.throws(
      () =>
        c.decode(catalogPage, c.encode(catalogPage, { ...PAGE, add: [{ ...ENTRY, payload: Buffer.alloc(9_000) }] })),
      {
        code: 'MESSAGE_INVALID',
      },
    );
  });
});
