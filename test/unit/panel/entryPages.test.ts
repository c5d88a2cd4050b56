import assert from 'node:assert/strict';
import { EntryPages } from '../../../webview/entryPages';
import { entry } from '../../webview/samples';

const page = (number: number) => Array.from({ length: 100 }, (_, index) => entry(number * 100 + index));

describe('the pages of a long list', () => {
  it('are asked for once each, when a row of them is in sight', () => {
    const pages = new EntryPages();

    assert.deepEqual(pages.missing(0, 12), [0]);
    assert.deepEqual(pages.missing(95, 105), [100]);
    assert.deepEqual(pages.missing(95, 105), []);
    pages.put(0, page(0), 0);
    assert.deepEqual(pages.missing(0, 12), []);
  });

  it('give the entry of an index, or nothing while it is not here', () => {
    const pages = new EntryPages();
    pages.put(100, page(1), 100);

    assert.equal(pages.get(142)?.id, entry(142).id);
    assert.equal(pages.get(42), undefined);
  });

  it('are let go when they are far from what is in sight', () => {
    const pages = new EntryPages();
    for (let number = 0; number < 20; number++) pages.put(number * 100, page(number), number * 100);

    const kept = Array.from({ length: 20 }, (_, number) => number).filter((number) => pages.get(number * 100));

    assert.deepEqual(kept, [12, 13, 14, 15, 16, 17, 18, 19]);
  });

  it('are asked for again after a change, the ones in sight at once and the others later', () => {
    const pages = new EntryPages();
    for (const number of [0, 1, 2]) pages.put(number * 100, page(number), 0);

    assert.deepEqual(pages.refresh(90, 110), [0, 100]);

    assert.equal(pages.get(5)?.id, entry(5).id);
    assert.equal(pages.get(205), undefined);
    assert.deepEqual(pages.missing(195, 205), [200]);
  });

  it('can be asked for again when no answer will come', () => {
    const pages = new EntryPages();
    pages.missing(0, 1);

    pages.forgetAsked();

    assert.deepEqual(pages.missing(0, 1), [0]);
  });
});
