import assert from 'node:assert/strict';
import { cutAt, parting } from '../../../webview/answers';

describe('where two answers part', () => {
  it('is after the last word that both have', () => {
    assert.deepEqual(parting('The cat sat.', 'The cat ran.'), { isIdentical: false, at: 8, words: 2 });
    assert.deepEqual(parting('cat', 'car'), { isIdentical: false, at: 0, words: 0 });
    // `name` is not `name,`: a word counts as common only when it ends in both.
    assert.deepEqual(parting('SELECT name FROM', 'SELECT name, age'), { isIdentical: false, at: 7, words: 1 });
  });

  it('is at the end of the shorter one when the other goes on', () => {
    assert.deepEqual(parting('One two', 'One two three'), { isIdentical: false, at: 7, words: 2 });
    assert.deepEqual(parting('', 'Something'), { isIdentical: false, at: 0, words: 0 });
  });

  it('is nowhere when they are the same but for white space at the end', () => {
    assert.deepEqual(parting('Yes.\n', 'Yes.'), { isIdentical: true, at: 4, words: 1 });
    assert.equal(parting('', '').isIdentical, true);
    assert.equal(parting('Yes.', ' Yes.').isIdentical, false);
  });

  it('never cuts a character in two', () => {
    const { at } = parting('ok 🙂', 'ok 🙃');

    assert.deepEqual(cutAt('ok 🙂 so', at), ['ok ', '🙂', ' so']);
  });

  it('cuts into what is common, the first word that is not, and the rest', () => {
    assert.deepEqual(cutAt('The cat sat down.', 8), ['The cat ', 'sat', ' down.']);
    assert.deepEqual(cutAt('One two', 7), ['One two', '', '']);
    assert.deepEqual(cutAt('One two three', 7), ['One two', ' three', '']);
  });
});
