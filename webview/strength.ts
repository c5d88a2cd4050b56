import type { AdapterDetails } from '../src/shared/panelProtocol';
import type { PanelTexts } from '../src/shared/panelTexts';
import { el, setText } from './dom';
import { svgElement } from './icons';
import type { Words } from './words';

/** One column of the drawing. */
export interface LayerStrength {
  /** `undefined`: modules outside the blocks, such as `lm_head`. */
  readonly layer: number | undefined;
  /** Norm of the whole layer: the root of the sum of squares, as norms add up. */
  readonly norm: number;
  readonly byTarget: ReadonlyMap<string, number>;
}

/** What fits on a screen. Models have up to 126 blocks; more than that is damage and is cut off. */
const MAX_LAYERS = 256;
const MAX_TARGETS = 24;

/** What a figure is about: its words, and how the values of modules make that of a layer. */
export interface Measure {
  readonly help: keyof PanelTexts;
  readonly summary: keyof PanelTexts;
  readonly value: keyof PanelTexts;
  readonly combine: (values: readonly number[]) => number;
}

/** Norms add up as the root of the sum of squares. */
const STRENGTH: Measure = {
  help: 'strengthHelp',
  summary: 'strengthSummary',
  value: 'norm',
  combine: (values) => Math.hypot(...values),
};

/** Adds up the modules of each block. Sorted by block, those outside the blocks last. */
export function strengthByLayer(layers: AdapterDetails['layers'], { combine }: Measure = STRENGTH): LayerStrength[] {
  const found = new Map<number | undefined, Map<string, number>>();
  for (const { name, norm } of layers) {
    const { layer, target } = placeOf(name);
    const targets = found.get(layer) ?? new Map<string, number>();
    found.set(layer, targets);
    if (targets.has(target) || targets.size < MAX_TARGETS) {
      targets.set(target, combine([targets.get(target) ?? 0, Number.isFinite(norm) ? norm : 0]));
    }
  }
  return [...found]
    .map(([layer, byTarget]) => ({ layer, byTarget, norm: combine([...byTarget.values()]) }))
    .sort((a, b) => (a.layer ?? Infinity) - (b.layer ?? Infinity))
    .slice(0, MAX_LAYERS);
}

/** `model.layers.3.self_attn.q_proj` is `q_proj` of layer 3, `blk.3.attn_q` (GGUF) is `attn_q` of layer 3. */
function placeOf(name: string): { readonly layer: number | undefined; readonly target: string } {
  const parts = name.replace(/\.weight$/, '').split('.');
  const at = parts.findIndex((part) => /^\d{1,4}$/.test(part));
  return { layer: at < 0 ? undefined : Number(parts[at]), target: parts.at(-1) ?? name };
}

/** Bars per layer above a heat strip per target. Length and shade say the same, and a table says it in numbers. */
export function strengthFigure(words: Words, layers: AdapterDetails['layers']): HTMLElement {
  const columns = strengthByLayer(layers);
  return columns.every(({ norm }) => norm === 0)
    ? el('p', { class: 'notice fair', role: 'note' }, words.text('strengthZero'))
    : layerFigure(words, columns, STRENGTH);
}

/** The drawing of any measure that modules have. */
export function layerFigure(words: Words, columns: readonly LayerStrength[], measure: Measure): HTMLElement {
  const most = Math.max(...columns.map(({ norm }) => norm), Number.MIN_VALUE);
  const targets = [...new Set(columns.flatMap(({ byTarget }) => [...byTarget.keys()]))].slice(0, MAX_TARGETS);
  const mostOfTarget = Math.max(...columns.flatMap(({ byTarget }) => [...byTarget.values()]), Number.MIN_VALUE);
  const readout = el('p', { class: 'readout', 'aria-hidden': 'true' }, words.text(measure.help));
  const plot = el('div', { class: 'strength-plot' });
  plot.append(
    el('span', {}),
    strip(columns.length, 'bars', (column) => {
      const height = (columns[column]?.norm ?? 0) / most;
      return svgElement('rect', { x: column + 0.1, y: 1 - height, width: 0.8, height, 'data-column': column });
    }),
  );
  for (const target of targets)
    plot.append(
      el('bdi', { class: 'target', title: target, dir: 'auto' }, target),
      strip(columns.length, 'heat', (column) => {
        const norm = columns[column]?.byTarget.get(target);
        if (norm === undefined) return undefined;
        const shade = 0.08 + (0.92 * norm) / mostOfTarget;
        const rect = { x: column + 0.04, y: 0, width: 0.92, height: 1, 'fill-opacity': shade.toFixed(3) };
        return svgElement('rect', { ...rect, 'data-column': column, 'data-target': target });
      }),
    );
  plot.append(el('span', {}), axis(words, columns));
  plot.addEventListener('pointermove', (event) => setText(readout, readOut(words, columns, event.target, measure)));
  plot.addEventListener('pointerleave', () => setText(readout, words.text(measure.help)));
  return el(
    'figure',
    { class: 'strength' },
    el('div', { role: 'img', 'aria-label': summary(words, columns, measure) }, plot),
    readout,
    el('details', {}, el('summary', {}, words.text('strengthValues')), table(words, columns, measure)),
  );
}

function strip(
  columns: number,
  className: string,
  draw: (column: number) => SVGRectElement | undefined,
): SVGSVGElement {
  const svg = svgElement('svg', {
    class: className,
    viewBox: `0 0 ${columns} 1`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  });
  for (let column = 0; column < columns; column++) {
    const rect = draw(column);
    if (rect) svg.append(rect);
  }
  return svg;
}

function axis(words: Words, columns: readonly LayerStrength[]): HTMLElement {
  const labels = [columns[0], columns[Math.floor((columns.length - 1) / 2)], columns.at(-1)];
  const shown = columns.length < 3 ? labels.slice(0, 1) : labels;
  return el(
    'span',
    { class: 'axis', 'aria-hidden': 'true' },
    ...shown.map((column) => el('span', {}, column ? layerLabel(words, column) : '')),
  );
}

function readOut(words: Words, columns: readonly LayerStrength[], under: EventTarget | null, measure: Measure): string {
  const rect = under instanceof SVGRectElement ? under : undefined;
  const column = columns[Number(rect?.dataset['column'] ?? -1)];
  if (!rect || !column) return words.text(measure.help);
  const target = rect.dataset['target'];
  const norm = target === undefined ? column.norm : (column.byTarget.get(target) ?? 0);
  return [layerLabel(words, column), target, words.precise(norm)].filter((part) => part !== undefined).join(' · ');
}

function summary(words: Words, columns: readonly LayerStrength[], measure: Measure): string {
  const sorted = [...columns].sort((a, b) => b.norm - a.norm);
  const [most, least] = [sorted[0]!, sorted.at(-1)!];
  const name = ({ layer }: LayerStrength): string =>
    layer === undefined ? words.text('outsideLayers') : String(layer);
  return words.text(
    measure.summary,
    name(most),
    words.precise(most.norm),
    name(least),
    words.precise(least.norm),
    columns.length,
  );
}

function table(words: Words, columns: readonly LayerStrength[], measure: Measure): HTMLElement {
  return el(
    'table',
    {},
    el(
      'thead',
      {},
      el(
        'tr',
        {},
        el('th', { scope: 'col' }, words.text('layer')),
        el('th', { scope: 'col' }, words.text(measure.value)),
      ),
    ),
    el(
      'tbody',
      {},
      ...columns.map((column) =>
        el('tr', {}, el('th', { scope: 'row' }, layerLabel(words, column)), el('td', {}, words.precise(column.norm))),
      ),
    ),
  );
}

function layerLabel(words: Words, { layer }: LayerStrength): string {
  return layer === undefined ? words.text('outsideLayers') : words.text('layerShort', layer);
}
