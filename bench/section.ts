/** One column of figures. `key` is its name in the JSON, unit included. */
export interface Column {
  readonly key: string;
  /** A second figure in the same column, after a slash. */
  readonly second?: string;
  readonly header: string;
  readonly digits: number;
}

export type Figure = number | string | undefined;

/** What one benchmark found: the same for the table and for `--json`. */
export interface Section {
  readonly name: string;
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly {
    readonly name: string;
    readonly values: Readonly<Record<string, Figure>>;
  }[];
  /** What a reader has to know to read the figures right. */
  readonly notes: readonly string[];
}

/** The columns line up; what was not measured is a dash. */
export function tableOf({ title, notes, ...table }: Section): string {
  const cells = cellsOf(table);
  const widths = cells[0]!.map((_, at) => Math.max(...cells.map((line) => line[at]!.length)));
  const lines = (table.rows.length > 0 ? cells : []).map((line) =>
    line.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  '),
  );
  return [title, '', ...lines.map((line) => `  ${line.trimEnd()}`), ...notes.map((note) => `  ${note}`)].join('\n');
}

/** The same table for a page of the documentation, where what was not measured is empty. */
export function markdownOf({ title, notes, ...table }: Section): string {
  const [head, ...rows] = cellsOf(table).map(
    (line) => `| ${line.map((cell) => (cell === '-' ? '' : cell)).join(' | ')} |`,
  );
  return [title, '', head, `|${' --- |'.repeat(table.columns.length + 1)}`, ...rows, '', ...notes].join('\n').trimEnd();
}

function cellsOf({ columns, rows }: Pick<Section, 'columns' | 'rows'>): string[][] {
  return [
    ['', ...columns.map(({ header }) => header)],
    ...rows.map(({ name, values }) => [
      name,
      ...columns.map(({ key, second, digits }) => pairOf(values[key], second && values[second], digits)),
    ]),
  ];
}

function pairOf(value: Figure, second: Figure, digits: number): string {
  return second === undefined ? cellOf(value, digits) : `${cellOf(value, digits)}/${cellOf(second, digits)}`;
}

function cellOf(value: Figure, digits: number): string {
  return typeof value === 'number' ? value.toFixed(digits).replace(/^-0$/, '0') : (value ?? '-');
}

/** The same figures, as plain data. */
export function dataOf({ rows, notes }: Section): object {
  return { rows: rows.map(({ name, values }) => ({ name, ...values })), notes };
}
