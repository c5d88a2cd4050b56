import fs from 'node:fs';
import path from 'node:path';
import { BASES } from '../helpers/gold';
import { ROOT } from '../run/machine';
import { ROUTES, type Cell, type Measured } from './matrix';

const PAGE = path.join(ROOT, 'docs', 'ollama.md');
const BEGIN = '<!-- The matrix is written by `npm run docs:ollama`. -->';
const END = '<!-- End of the matrix. -->';

/** What was measured of one version, as the page has it. */
export function sectionOf({ version, cells }: Measured): string {
  const reasons: string[] = [];
  const word = (cell: Cell | undefined): string => {
    if (!cell) return '';
    if (cell.outcome === 'installed') return cell.effect === 'changed' ? 'works' : cell.effect;
    if (!reasons.includes(cell.why)) reasons.push(cell.why);
    return `${cell.outcome} (${reasons.indexOf(cell.why) + 1})`;
  };
  const rows = BASES.map((architecture) => {
    const words = ROUTES.map((route) =>
      word(cells.find((one) => one.architecture === architecture && one.route === route)),
    );
    return `| ${[architecture, ...words].join(' | ')} |`;
  });
  return [
    `### Ollama ${version}`,
    '',
    `| base | ${ROUTES.join(' | ')} |`,
    `| --- ${'| --- '.repeat(ROUTES.length)}|`,
    ...rows,
    ...(reasons.length > 0 ? ['', ...reasons.map((reason, at) => `${at + 1}. ${reason}`)] : []),
  ].join('\n');
}

/** The section of a version in the page, undefined when it has none. */
export function writtenSection(version: string): string | undefined {
  return sections().get(version);
}

/** Puts sections into the page, the newest version first. Versions that were not measured stay as they are. */
export function writeSections(measured: readonly Measured[]): void {
  const all = sections();
  for (const one of measured) all.set(one.version, sectionOf(one));
  const newestFirst = [...all].sort(([a], [b]) => b.localeCompare(a, 'en', { numeric: true }));
  const { before, after } = parts();
  const text = newestFirst.map(([, section]) => section).join('\n\n');
  fs.writeFileSync(PAGE, `${before}${BEGIN}\n\n${text}\n\n${END}${after}`);
}

function sections(): Map<string, string> {
  return new Map(
    parts()
      .matrix.split(/^(?=### Ollama )/m)
      .map((section) => section.trim())
      .filter((section) => section !== '')
      .map((section) => [/^### Ollama (\S+)/.exec(section)?.[1] ?? '', section]),
  );
}

function parts(): { readonly before: string; readonly matrix: string; readonly after: string } {
  const page = fs.readFileSync(PAGE, 'utf8').replaceAll('\r\n', '\n');
  const [before, rest] = page.split(BEGIN);
  const [matrix, after] = rest?.split(END) ?? [];
  if (before === undefined || matrix === undefined || after === undefined) throw new Error(`${PAGE} has no matrix`);
  return { before, matrix, after };
}
