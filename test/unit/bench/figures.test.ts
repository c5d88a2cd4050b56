import assert from 'node:assert/strict';
import { parseSize } from '../../../bench/options';
import { dataOf, markdownOf, tableOf, type Section } from '../../../bench/section';
import { median, medianRun, percentile } from '../../../bench/stats';

const SECTION: Section = {
  name: 'speed',
  title: 'Speed',
  columns: [
    { key: 'mbPerS', header: 'MB/s', digits: 0 },
    { key: 'ratio', header: 'of pipe', digits: 2 },
  ],
  rows: [
    { name: 'pipe', values: { mbPerS: 1234.4, ratio: 1 } },
    { name: 'engine', values: { mbPerS: 9 } },
  ],
  notes: ['On loopback.'],
};

describe('figures of a benchmark', () => {
  it('takes percentiles by nearest rank, whatever the order', () => {
    const samples = [5, 1, 4, 2, 3, 10, 9, 8, 7, 6];

    assert.equal(median(samples), 5);
    assert.equal(percentile(samples, 0.95), 10);
    assert.equal(percentile(samples, 0.1), 1);
    assert.equal(percentile([7], 0.95), 7);
    assert.throws(() => percentile([], 0.5), RangeError);
  });

  it('picks a run that happened, not a mix of several', () => {
    const runs = [
      { speed: 3, memory: 30 },
      { speed: 1, memory: 10 },
      { speed: 2, memory: 99 },
    ];

    assert.deepEqual(
      medianRun(runs, ({ speed }) => speed),
      { speed: 2, memory: 99 },
    );
  });

  it('are lined up in a table, with a dash for what was not measured', () => {
    const table = tableOf(SECTION).split('\n');

    assert.deepEqual(table, [
      'Speed',
      '',
      '          MB/s  of pipe',
      '  pipe    1234     1.00',
      '  engine     9        -',
      '  On loopback.',
    ]);
  });

  it('are a table of a page, with nothing for what was not measured', () => {
    assert.equal(
      markdownOf(SECTION),
      [
        'Speed',
        '',
        '|  | MB/s | of pipe |',
        '| --- | --- | --- |',
        '| pipe | 1234 | 1.00 |',
        '| engine | 9 |  |',
        '',
        'On loopback.',
      ].join('\n'),
    );
  });

  it('are plain data for programs', () => {
    assert.deepEqual(JSON.parse(JSON.stringify(dataOf(SECTION))), {
      rows: [
        { name: 'pipe', mbPerS: 1234.4, ratio: 1 },
        { name: 'engine', mbPerS: 9 },
      ],
      notes: ['On loopback.'],
    });
  });

  it('are of the size that was asked for', () => {
    assert.equal(parseSize('1G'), 1024 ** 3);
    assert.equal(parseSize('256m'), 256 * 1024 ** 2);
    assert.equal(parseSize('1000'), 1000);
    for (const text of ['', '0', '-1', '1.5G', '1T', 'G']) assert.throws(() => parseSize(text), /--size takes a size/);
  });
});
