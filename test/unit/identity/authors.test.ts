import assert from 'node:assert/strict';
import { AuthorBook } from '../../../src/engine/identity/authors';
import { makeRevocation, makeRotation, type Statement } from '../../../src/engine/identity/statements';
import { identityKeys } from '../../../src/engine/release/release';
import { seededBytes } from '../../helpers/packages';

const pair = (name: string) => identityKeys(seededBytes(32, name));
const key = (name: string): string => pair(name).publicKey.toString('hex');
const move = (from: string, to: string, lastSequence = 100): Statement =>
  makeRotation(pair(from), pair(to), lastSequence);
const end = (name: string): Statement => makeRevocation(pair(name));

/** Asks the same of a book that heard the statements in one order, and in the other. */
function both(statements: readonly Statement[], ask: (book: AuthorBook) => void): void {
  ask(new AuthorBook(statements));
  ask(new AuthorBook([...statements, ...statements].reverse()));
}

describe('AuthorBook', () => {
  it('knows an unknown key as itself', () => {
    assert.deepEqual(new AuthorBook().facts(key('a')), { key: key('a'), isRevoked: false, disputed: [] });
  });

  it('follows an author over several keys', () =>
    both([move('a', 'b'), move('b', 'c')], (book) => {
      for (const name of ['a', 'b', 'c']) assert.equal(book.facts(key(name)).key, key('c'));
    }));

  it('follows neither of two who claim one key, and names both', () =>
    both([move('a', 'b'), move('a', 'c'), move('b', 'd')], (book) => {
      assert.deepEqual(book.facts(key('a')), {
        key: key('a'),
        isRevoked: false,
        disputed: [key('b'), key('c')].sort(),
      });
      assert.equal(book.facts(key('b')).key, key('d'));
    }));

  it('lets a revocation count more than a rotation from or to the key', () => {
    both([move('a', 'b'), end('a')], (book) => {
      assert.deepEqual(book.facts(key('a')), { key: key('a'), isRevoked: true, disputed: [] });
      assert.equal(book.isRevoked(key('b')), false);
    });
    both([move('a', 'b'), move('b', 'c'), end('b')], (book) => {
      assert.equal(book.facts(key('a')).key, key('a'));
      assert.equal(book.isRevoked(key('a')), false);
      assert.equal(book.facts(key('b')).key, key('b'));
    });
  });

  it('follows no row that ends where it began, and none without end', () => {
    both([move('a', 'b'), move('b', 'a')], (book) => {
      for (const name of ['a', 'b']) assert.equal(book.facts(key(name)).key, key(name));
    });
    const row = Array.from({ length: 40 }, (_, i) => move(`k${i}`, `k${i + 1}`));
    both(row, (book) => {
      assert.equal(book.facts(key('k0')).key, key('k0'));
      assert.equal(book.facts(key('k30')).key, key('k40'));
    });
  });

  it('counts what the old key signed up to the move as the new one, and nothing later', () =>
    both([move('a', 'b', 100)], (book) => {
      assert.equal(book.authorOf(key('a'), 100), key('b'));
      assert.equal(book.isAfterMove(key('a'), 100), false);
      assert.equal(book.authorOf(key('a'), 101), key('a'));
      assert.equal(book.isAfterMove(key('a'), 101), true);
      assert.equal(book.isAfterMove(key('b'), 101), false);
    }));

  it('believes the lower of two numbers of one move', () =>
    both([move('a', 'b', 100), move('a', 'b', 50)], (book) => {
      assert.equal(book.isAfterMove(key('a'), 51), true);
      assert.deepEqual(book.facts(key('a')).disputed, []);
    }));
});
