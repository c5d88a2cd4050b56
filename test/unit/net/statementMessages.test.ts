import assert from 'node:assert/strict';
import c from 'compact-encoding';
import { MAX_MESSAGE_STATEMENTS, statements } from '../../../src/engine/net/statementMessages';

const list = (count: number, size = 97): Uint8Array[] => Array.from({ length: count }, (_, i) => Buffer.alloc(size, i));

describe('statements message', () => {
  it('comes back as it was sent', () => {
    for (const each of [[], list(1), list(MAX_MESSAGE_STATEMENTS, 256)])
      assert.deepEqual(c.decode(statements, c.encode(statements, each)), each);
  });

  it('ignores what later versions put behind it', () => {
    const bytes = Buffer.concat([c.encode(statements, list(2)), Buffer.from('later')]);

    assert.deepEqual(c.decode(statements, bytes), list(2));
  });

  it('refuses too many, too long and empty ones', () => {
    for (const wrong of [list(MAX_MESSAGE_STATEMENTS + 1), list(1, 257), list(1, 0)])
      assert.throws(() => c.decode(statements, c.encode(statements, wrong)), { code: 'MESSAGE_INVALID' });
  });

  it('believes no declared number: it allocates what arrived', () => {
    assert.throws(() => c.decode(statements, Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff])), { code: 'MESSAGE_INVALID' });
  });
});
