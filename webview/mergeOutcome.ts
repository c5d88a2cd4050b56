import type { MergeRun } from '../src/shared/mergeProtocol';
import { button } from './components';
import { el, fill, setAttributes, setText, type Child } from './dom';
import { icon } from './icons';
import type { Shell } from './page';
import { layerFigure, strengthByLayer, type Measure } from './strength';

/** Rounding of the weights' own type; nobody would call it an error. */
const EXACT = 1e-6;

/** A relative error does not add up: a layer is as bad as its worst module. */
const ERRORS: Measure = {
  help: 'mergeErrorsHelp',
  summary: 'mergeErrorsSummary',
  value: 'mergeError',
  combine: (values) => Math.max(...values),
};

/** The merge that runs, or what came of the last one. */
export class MergeOutcome {
  readonly element = el('div', { class: 'merge-outcome' });
  readonly #bar: HTMLElement;
  readonly #done = el('div', { class: 'bar-done' });
  readonly #line = el('p', { class: 'transfer-line' });
  readonly #progress: HTMLElement;
  readonly #status = el('div', { role: 'status' });
  readonly #figure = el('div', {});
  #drawn = '';

  constructor(private readonly shell: Shell) {
    this.#bar = el(
      'div',
      {
        class: 'bar',
        role: 'progressbar',
        'aria-label': shell.words.text('mergeRunning'),
        'aria-valuemin': 0,
        'aria-valuemax': 100,
      },
      this.#done,
    );
    this.#progress = el('div', { class: 'transfer' }, this.#bar, this.#line);
    this.#progress.hidden = true;
    this.element.append(this.#progress, this.#status, this.#figure);
  }

  draw(run: MergeRun): void {
    this.#progress.hidden = run.phase !== 'running';
    if (run.phase === 'running') this.#drawProgress(run);
    const outcome = JSON.stringify([run.phase, run.result]);
    if (outcome === this.#drawn) return; // Progress comes 4 times a second; buttons must not be made anew under a finger.
    this.#drawn = outcome;
    fill(this.#status, ...this.#say(run));
    fill(this.#figure, this.#drawErrors(run));
  }

  #drawProgress({ bytesDone, bytesTotal }: MergeRun): void {
    const { words } = this.shell;
    const percent = bytesTotal > 0 ? Math.floor((100 * bytesDone) / bytesTotal) : 0;
    this.#done.style.width = `${percent}%`;
    setAttributes(this.#bar, { 'aria-valuenow': percent });
    const figures =
      bytesTotal > 0 ? ` · ${words.text('progress', words.bytes(bytesDone), words.bytes(bytesTotal))}` : '';
    setText(this.#line, `${words.text('mergeRunning')}${figures}`);
  }

  #say({ phase, result }: MergeRun): Child[] {
    const { text } = this.shell.words;
    if (phase === 'stopped') return [el('p', { class: 'muted' }, text('mergeStopped'))];
    if (phase === 'failed') return [el('p', { class: 'notice bad' }, icon('error'), text('mergeFailed'))];
    return phase === 'done' && result ? this.#sayDone(result) : [];
  }

  #sayDone(result: NonNullable<MergeRun['result']>): Child[] {
    const { words } = this.shell;
    const { text } = words;
    const isExact = result.error.whole < EXACT;
    const error = new Intl.NumberFormat(words.language, { style: 'percent', maximumSignificantDigits: 3 }).format(
      result.error.whole,
    );
    const isOwn = result.method === 'ties' || result.method === 'dare';
    const facts = [
      result.rank === undefined ? undefined : text('rank', result.rank),
      words.count('mergePairs', result.pairs),
      words.bytes(result.bytes),
    ];
    const post = (action: 'share' | 'install' | 'reveal') => () => this.shell.post({ type: 'mergeResult', action });
    return [
      el('h2', {}, text('mergeDone')),
      el(
        'p',
        { class: `notice ${isExact ? 'good' : 'fair'}` },
        icon(isExact ? 'pass' : 'similar'),
        el(
          'strong',
          {},
          isExact ? text('mergeDoneExact') : text(isOwn ? 'mergeDoneOwnError' : 'mergeDoneError', error),
        ),
      ),
      el('p', { class: 'muted' }, facts.filter((fact) => fact !== undefined).join(' · ')),
      el('p', {}, el('bdi', { class: 'path' }, result.path)),
      el(
        'div',
        { class: 'actions' },
        button({ label: text('mergeInstall'), icon: 'install', look: 'primary', onPress: post('install') }),
        button({ label: text('mergeShare'), icon: 'rooms', onPress: post('share') }),
        button({ label: text('mergeReveal'), icon: 'folder', onPress: post('reveal') }),
      ),
    ];
  }

  /** Only where there is an error to see. */
  #drawErrors({ phase, result }: MergeRun): HTMLElement | undefined {
    if (phase !== 'done' || !result || result.error.whole < EXACT || result.error.modules.length === 0)
      return undefined;
    const { words } = this.shell;
    const modules = result.error.modules.map(({ name, error }) => ({ name, norm: error }));
    return el(
      'div',
      {},
      el('h2', {}, words.text('mergeErrors')),
      layerFigure(words, strengthByLayer(modules, ERRORS), ERRORS),
    );
  }
}
