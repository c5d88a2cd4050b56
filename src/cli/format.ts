import { plainText } from '../engine/plainText';

/** What a terminal would obey or not show: controls, escapes, bidi marks, zero-width and unassigned characters. */
const UNSAFE = /[^\P{C}\n]|[\u2028\u2029]/gu;

const BYTE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];
const COUNT_UNITS = ['', ' K', ' M', ' G', ' T'];

/** `12.3 MB`, in powers of ten as drives and networks are sold. */
export function formatBytes(bytes: number): string {
  return scaled(
    bytes,
    BYTE_UNITS.map((unit) => ` ${unit}`),
  );
}

/** `1.2 M` */
export function formatCount(count: number): string {
  return scaled(count, COUNT_UNITS);
}

/** Text that may hold what others wrote, safe for a terminal. Lines and columns stay. */
export function terminalText(text: string): string {
  return text.replace(UNSAFE, ' ');
}

export function shortId(id: string): string {
  return id.slice(0, 8);
}

/** Columns as wide as their widest cell. Cells are made of text that peers wrote, so each is cleaned here. */
export function table(
  header: readonly string[],
  rows: readonly (readonly (string | number | undefined)[])[],
): string[] {
  const cells = [header, ...rows].map((row) =>
    row.map((cell) => plainText(cell === undefined ? '-' : String(cell), 120)),
  );
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

/** One fact a line, names aligned. What is unknown is left out. */
export function facts(entries: readonly (readonly [name: string, value: string | number | undefined])[]): string[] {
  const known = entries.filter((entry): entry is readonly [string, string | number] => entry[1] !== undefined);
  const width = Math.max(0, ...known.map(([name]) => name.length));
  return known.map(([name, value]) => `${name.padEnd(width)}  ${plainText(String(value), 400)}`);
}

function scaled(value: number, units: readonly string[]): string {
  let step = 0;
  let rest = value;
  while (rest >= 999.5 && step < units.length - 1) {
    rest /= 1000;
    step++;
  }
  const digits = step === 0 || rest >= 99.95 ? 0 : 1;
  return `${rest.toFixed(digits)}${units[step]}`;
}
