import assert from 'node:assert/strict';
import { sourceOrder, type Ranked } from '../../../webview/sourceOrder';

const MB = 1e6;
const of = (rates: Readonly<Record<string, number>>): Ranked[] =>
  Object.entries(rates).map(([key, rate]) => ({ key, rate }));
const keys = (order: readonly Ranked[]): string => order.map(({ key }) => key).join('');

describe('the order of sources', () => {
  it('is quickest first', () => {
    assert.equal(keys(sourceOrder([], of({ a: MB, b: 9 * MB, c: 0, d: 3 * MB }))), 'bdac');
  });

  it('stays as it was while rates only breathe', () => {
    let before = ['a', 'b', 'c'];

    for (let round = 0; round < 100; round++) {
      const breath = (shift: number): number => 5 * MB + 0.4 * MB * Math.sin(round + shift);
      const order = sourceOrder(before, of({ c: breath(1), b: breath(2), a: breath(3) }));
      assert.equal(keys(order), 'abc');
      before = order.map(({ key }) => key);
    }
  });

  it('lets one pass that is clearly quicker, and one that gives pass one that does not', () => {
    assert.equal(keys(sourceOrder(['a', 'b', 'c'], of({ a: 2 * MB, b: 2 * MB, c: 6 * MB }))), 'cab');
    assert.equal(keys(sourceOrder(['a', 'b'], of({ a: 0, b: 1_000 }))), 'ba');
    assert.equal(keys(sourceOrder(['a', 'b'], of({ a: 1_000, b: 9_000 }))), 'ab');
  });

  it('puts who is new where its rate belongs, and forgets who left', () => {
    assert.equal(keys(sourceOrder(['a', 'gone', 'b'], of({ a: 8 * MB, b: MB, n: 3 * MB }))), 'anb');
  });
});
