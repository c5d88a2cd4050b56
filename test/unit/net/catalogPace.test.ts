import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { Paced, entryBudget } from '../../../src/engine/net/catalogPace';

describe('a list that is asked for again and again', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('is told at once, and then once in five seconds for all who asked', () => {
    let told = 0;
    const paced = new Paced(() => told++);

    for (let i = 0; i < 1_000; i++) paced.ask();
    const atOnce = told;
    mock.timers.tick(5_000);
    const later = told;
    mock.timers.tick(50_000);
    const quiet = told;
    paced.ask();

    assert.deepEqual([atOnce, later, quiet, told], [1, 2, 2, 3]);
    paced.dispose();
  });

  it('is not told any more after the end', () => {
    let told = 0;
    const paced = new Paced(() => told++);
    paced.ask();
    paced.ask();

    paced.dispose();
    mock.timers.tick(50_000);

    assert.equal(told, 1);
  });
});

describe('entries of one peer', () => {
  it('are four whole lists at once, and then no more than a few a second', () => {
    const budget = entryBudget();

    const pages = Array.from({ length: 100 }, () => budget.spend(100)).filter(Boolean);

    assert.equal(pages.length, 20);
  });
});
