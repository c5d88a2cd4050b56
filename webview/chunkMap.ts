import type { TransferDetails } from '../src/shared/panelProtocol';
import { FULL_CELL } from '../src/shared/transferProtocol';
import { el, setAttributes, setText } from './dom';
import { svgElement } from './icons';
import type { Words } from './words';

/** Side of a square at its largest, in the size of the text. */
const CELL_EM = 1.1;
/** Part of a cell that is left free, so that its neighbours are told apart. */
const GAP = 0.14;
/** Of a cell that is one chunk. */
const CHUNK_BYTES = 65_536;
const ASKED_PATTERN = 'asked-pattern';

/** What a map shows. */
export type MapDetails = Pick<TransferDetails, 'transfer' | 'chunks' | 'held' | 'asked'>;

/** How much of the package is here and asked for, 0 to 1. */
export function mapShares({ transfer, held, asked }: Omit<MapDetails, 'chunks'>): { here: number; asked: number } {
  const sum = (cells: readonly number[]): number => cells.reduce((all, cell) => all + cell, 0);
  const whole = held.length * FULL_CELL;
  const here = transfer.bytesTotal > 0 ? Math.min(1, transfer.bytesDone / transfer.bytesTotal) : 0;
  return { here, asked: whole > 0 ? Math.min(1 - here, sum(asked) / whole) : 0 };
}

/** Columns that make a wide, low map: four times as wide as high, as far as the cells reach. */
export function mapColumns(cells: number): number {
  return Math.max(1, Math.min(cells, 64, Math.max(16, Math.ceil(Math.sqrt(cells * 4)))));
}

/**
 * A square for each part of the package: filled as far as it is here, striped as far as it is asked for.
 *
 * Three paths, however many squares: the page draws them anew four times a second.
 */
export class ChunkMap {
  readonly element = el('figure', { class: 'chunk-map' });
  readonly #svg = svgElement('svg', { class: 'map', 'aria-hidden': 'true' });
  readonly #missing = svgElement('path', { class: 'map-missing' });
  readonly #held = svgElement('path', { class: 'map-held' });
  readonly #asked = svgElement('path', { class: 'map-asked', fill: `url(#${ASKED_PATTERN})` });
  readonly #picture: HTMLElement;
  readonly #legend: Readonly<Record<'here' | 'asked' | 'missing', HTMLElement>>;
  readonly #readout = el('p', { class: 'readout', 'aria-hidden': 'true' });
  readonly #later: HTMLElement;
  #cells = 0;
  #shown: MapDetails | undefined;
  #pointed: number | undefined;

  constructor(private readonly words: Words) {
    const { text } = words;
    this.#svg.append(pattern(), this.#missing, this.#held, this.#asked);
    this.#picture = el('div', { role: 'img', class: 'map-frame' }, this.#svg);
    this.#legend = { here: el('span'), asked: el('span'), missing: el('span') };
    this.#later = el('p', { class: 'muted' }, text('mapLater'));
    const entry = (kind: 'held' | 'asked' | 'missing', value: HTMLElement): HTMLElement =>
      el('li', {}, swatch(kind), value);
    const legend = el(
      'ul',
      { class: 'legend', 'aria-hidden': 'true' },
      entry('held', this.#legend.here),
      entry('asked', this.#legend.asked),
      entry('missing', this.#legend.missing),
    );
    this.element.append(this.#later, this.#picture, legend, this.#readout);
    this.#svg.addEventListener('pointermove', (event) => this.#point(this.#cellAt(event)));
    this.#svg.addEventListener('pointerleave', () => this.#point(undefined));
  }

  draw(details: MapDetails): void {
    const { held, asked } = details;
    const isKnown = held.length > 0;
    this.#later.hidden = isKnown;
    for (const part of [...this.element.children]) if (part !== this.#later) (part as HTMLElement).hidden = !isKnown;
    this.#shown = details;
    if (!isKnown) return;
    const columns = mapColumns(held.length);
    if (held.length !== this.#cells) this.#layOut(held.length, columns);
    setPath(
      this.#held,
      cellPath(held, columns, (cell) => [0, cell]),
    );
    setPath(
      this.#asked,
      cellPath(held, columns, (cell, at) => [cell, Math.min(FULL_CELL - cell, asked[at] ?? 0)]),
    );
    this.#describe(details);
  }

  #layOut(cells: number, columns: number): void {
    this.#cells = cells;
    this.#svg.setAttribute('viewBox', `0 0 ${columns} ${Math.ceil(cells / columns)}`);
    this.#picture.style.maxWidth = `${(columns * CELL_EM).toFixed(2)}em`;
    setPath(
      this.#missing,
      cellPath(
        Array.from({ length: cells }, () => FULL_CELL),
        columns,
        (cell) => [0, cell],
      ),
    );
  }

  #describe(details: MapDetails): void {
    const { words } = this;
    const { text } = words;
    const { here, asked } = mapShares(details);
    const [hereText, askedText] = [words.share(here), words.share(asked)];
    const label = text('mapSummary', hereText, askedText);
    if (this.#picture.getAttribute('aria-label') !== label) setAttributes(this.#picture, { 'aria-label': label });
    setText(this.#legend.here, `${text('mapHere')} ${hereText}`);
    setText(this.#legend.asked, `${text('mapAsked')} ${askedText}`);
    // What the other two, rounded, leave: the three have to add up.
    const missing = Math.max(0, 1 - words.rounded(here) - words.rounded(asked));
    setText(this.#legend.missing, `${text('mapMissing')} ${words.share(missing)}`);
    setText(this.#readout, this.#readOut(details));
  }

  #readOut({ transfer, chunks, held, asked }: MapDetails): string {
    const { words } = this;
    // The last chunk is shorter than the others.
    const size = chunks === held.length ? CHUNK_BYTES : transfer.bytesTotal / held.length;
    const at = this.#pointed;
    if (at === undefined || at >= held.length) return words.text('mapHelp', words.bytes(size));
    const [from, to] = [words.bytes(at * size), words.bytes(Math.min(transfer.bytesTotal, (at + 1) * size))];
    const here = words.share(held[at]! / FULL_CELL);
    const share = (asked[at] ?? 0) / FULL_CELL;
    return share > 0
      ? words.text('mapCellAsked', from, to, here, words.share(share))
      : words.text('mapCell', from, to, here);
  }

  #point(cell: number | undefined): void {
    if (cell === this.#pointed) return;
    this.#pointed = cell;
    if (this.#shown && this.#shown.held.length > 0) setText(this.#readout, this.#readOut(this.#shown));
  }

  #cellAt({ clientX, clientY }: PointerEvent): number | undefined {
    const { left, top, width, height } = this.#svg.getBoundingClientRect();
    const columns = mapColumns(this.#cells);
    const rows = Math.ceil(this.#cells / columns);
    const column = Math.floor(((clientX - left) / width) * columns);
    const row = Math.floor(((clientY - top) / height) * rows);
    const cell = row * columns + column;
    return column >= 0 && column < columns && cell >= 0 && cell < this.#cells ? cell : undefined;
  }
}

/** One rectangle per cell, from `start` to `start + length` of its width, both out of 255. */
function cellPath(
  cells: readonly number[],
  columns: number,
  part: (cell: number, at: number) => readonly [start: number, length: number],
): string {
  const side = 1 - GAP;
  let path = '';
  cells.forEach((cell, at) => {
    const [start, length] = part(cell, at);
    if (length <= 0) return;
    const x = (at % columns) + GAP / 2 + (side * start) / FULL_CELL;
    const y = Math.floor(at / columns) + GAP / 2;
    const width = (side * length) / FULL_CELL;
    path += `M${x.toFixed(2)} ${y.toFixed(2)}h${width.toFixed(2)}v${side}h-${width.toFixed(2)}z`;
  });
  return path;
}

function setPath(path: SVGPathElement, d: string): void {
  if (path.getAttribute('d') !== d) path.setAttribute('d', d);
}

/** Stripes, so that what is asked for is told from what is here without its colour. */
function pattern(): SVGElement {
  const stripes = svgElement('pattern', {
    id: ASKED_PATTERN,
    patternUnits: 'userSpaceOnUse',
    width: 0.36,
    height: 0.36,
    patternTransform: 'rotate(45)',
  });
  stripes.append(
    svgElement('rect', { class: 'stripe-ground', width: 0.36, height: 0.36 }),
    svgElement('rect', { class: 'stripe', width: 0.2, height: 0.36 }),
  );
  return stripes;
}

function swatch(kind: 'held' | 'asked' | 'missing'): SVGSVGElement {
  const svg = svgElement('svg', { class: 'swatch', viewBox: '0 0 1 1' });
  const square = svgElement('path', { class: `map-${kind}`, d: 'M.05 .05h.9v.9h-.9z' });
  if (kind === 'asked') square.setAttribute('fill', `url(#${ASKED_PATTERN})`);
  svg.append(square);
  return svg;
}
