import type { Outcome } from './fault';

const HEAD = ['fault', '', 'points', 'passed', 'failed', 'fetched twice', 'time'];
const isText = (column: number): boolean => column < 2;

/** One row per fault. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const all = [HEAD, ...outcomes.map(rowOf)];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map((row) => row.map((text, i) => (isText(i) ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join('  '))
    .join('\n');
}

/** The same in one line. */
export function sumOf({ points, worstRefetched, seconds }: Outcome): string {
  return `${points} points, ${inUnits(worstRefetched)} fetched twice, ${seconds.toFixed(0)} s`;
}

function rowOf({ id, title, points, failures, worstRefetched, seconds, leftOut }: Outcome): string[] {
  return [
    id,
    title + (leftOut.length > 0 ? ' (in part)' : ''),
    ...[points, points - failures.length, failures.length].map(String),
    inUnits(worstRefetched),
    `${seconds.toFixed(0)} s`,
  ];
}

function inUnits(bytes: number): string {
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1e3)} KB`;
}
