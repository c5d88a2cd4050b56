import { RATE_SECONDS } from '../src/shared/transferProtocol';
import { el, setAttributes, setText } from './dom';
import { svgElement } from './icons';
import type { Words } from './words';

/** The next of 1, 2, 5, 10, 20 …: a scale that moves in steps does not make the curve breathe. */
export function niceCeiling(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((item) => item * power >= value * (1 - 1e-9)) ?? 10;
  return step * power;
}

/** The speed of the last minute: a figure, and the curve that led to it. */
export class Sparkline {
  readonly element: HTMLElement;
  readonly #figure = el('span', { class: 'speed-now' });
  readonly #scale = el('span', { class: 'scale' });
  readonly #area = svgElement('path', { class: 'spark-area' });
  readonly #line = svgElement('path', { class: 'spark-line', 'vector-effect': 'non-scaling-stroke' });
  readonly #picture: HTMLElement;

  constructor(private readonly words: Words) {
    const svg = svgElement('svg', {
      class: 'spark',
      viewBox: `0 0 ${RATE_SECONDS - 1} 1`,
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    });
    svg.append(this.#area, this.#line);
    this.#picture = el('div', { class: 'spark-frame', role: 'img' }, svg);
    this.element = el(
      'figure',
      { class: 'speed' },
      el('p', { class: 'speed-line', 'aria-hidden': 'true' }, this.#figure, this.#scale),
      this.#picture,
      el(
        'span',
        { class: 'axis', 'aria-hidden': 'true' },
        el('span', {}, words.text('speedAgo', words.duration(RATE_SECONDS))),
        el('span', {}, words.text('speedNow')),
      ),
    );
  }

  /** @param rate What is moving now. @param rates Of each of the last seconds, oldest first. */
  draw(rate: number, rates: readonly number[]): void {
    const { words } = this;
    const peak = Math.max(rate, ...rates);
    const top = niceCeiling(peak);
    const label = words.text('speedSummary', words.rate(rate), words.rate(peak));
    setText(this.#figure, peak > 0 ? words.rate(rate) : '–');
    setText(this.#scale, peak > 0 ? words.rate(top) : '');
    if (this.#picture.getAttribute('aria-label') !== label) setAttributes(this.#picture, { 'aria-label': label });
    const line = curve(rates, top);
    setPath(this.#line, line === '' ? '' : `M${line}`);
    setPath(this.#area, line === '' ? '' : `M${RATE_SECONDS - rates.length} 1L${line}L${RATE_SECONDS - 1} 1z`);
  }
}

/** Points from the left, the newest at the right edge; shorter than a minute leaves the left empty. */
function curve(rates: readonly number[], top: number): string {
  const start = RATE_SECONDS - rates.length;
  return rates.map((rate, at) => `${start + at} ${(1 - rate / top).toFixed(3)}`).join('L');
}

function setPath(path: SVGPathElement, d: string): void {
  if (path.getAttribute('d') !== d) path.setAttribute('d', d);
}
