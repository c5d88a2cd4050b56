import type { Row } from './runTarget';

const HEAD = ['target', 'inputs', 'accepted', 'refused', 'slowest ms', 'heap growth', 'problems'];

/** What the run did, one line a target. */
export function table(rows: readonly Row[]): string {
  const all = rows.map((row) => [
    row.target,
    ...[row.inputs, row.accepted, row.refused].map((count) => count.toLocaleString('en')),
    row.slowestMs.toFixed(1),
    `${(row.growthBytes / 2 ** 20).toFixed(1)} MiB`,
    `${row.problems.length}`,
  ]);
  const sum = (of: (row: Row) => number): string =>
    rows.reduce((total, row) => total + of(row), 0).toLocaleString('en');
  const slowest = Math.max(0, ...rows.map(({ slowestMs }) => slowestMs)).toFixed(1);
  const last = ['all', sum((r) => r.inputs), sum((r) => r.accepted), sum((r) => r.refused), slowest, ''];
  return format([HEAD, ...all, [...last, sum((r) => r.problems.length)]]);
}

function format(lines: readonly (readonly string[])[]): string {
  const widths = HEAD.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines
    .map((line) => line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '))
    .join('\n');
}
