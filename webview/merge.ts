import {
  isMergeKey,
  MAX_MERGE_RANK,
  MAX_MERGE_SEED,
  MAX_MERGE_WEIGHT,
  MERGE_METHODS,
  type MergePart,
  type MergeRun,
} from '../src/shared/mergeProtocol';
import type { MergeMethod, ToPanel } from '../src/shared/panelProtocol';
import { button, dropdown, setLook } from './components';
import { el, fill, foreign, setText } from './dom';
import { icon } from './icons';
import { numberField } from './inputs';
import { differingBases, forecast, usualRank } from './mergeNotes';
import { MergeOutcome } from './mergeOutcome';
import { MergeParts } from './mergeParts';
import { METHOD_HELP, METHOD_NAMES } from './methods';
import type { Page, Shell } from './page';

/** Several adapters of one base become one. */
export class MergePage implements Page {
  readonly element: HTMLElement;
  readonly #title: HTMLElement;
  readonly #parts: MergeParts;
  readonly #method;
  readonly #methodHelp = el('p', { class: 'muted' });
  readonly #rank;
  readonly #density;
  readonly #seed;
  readonly #notes = el('div', { class: 'merge-notes', role: 'status' });
  readonly #run: HTMLElement;
  readonly #stop: HTMLElement;
  readonly #outcome: MergeOutcome;
  #isRunning = false;
  #isRankOfUser = false;

  constructor(
    private readonly shell: Shell,
    /** What was asked for from outside; it goes before what was here last. */
    private readonly wanted: readonly string[],
  ) {
    const { words } = shell;
    const { text } = words;
    const onInput = (): void => this.#changed();
    this.#title = el('h1', { tabindex: -1 }, text('mergeTitle'));
    this.#parts = new MergeParts({
      words,
      onChange: onInput,
      onBrowse: () => shell.post({ type: 'browseAdapter' }),
    });
    this.#method = dropdown({
      label: text('mergeMethod'),
      choices: MERGE_METHODS.map((method) => ({ value: method, label: text(METHOD_NAMES[method]) })),
      onChange: onInput,
    });
    this.#rank = numberField({
      label: text('mergeRank'),
      min: 1,
      max: MAX_MERGE_RANK,
      step: 1,
      onInput: () => {
        this.#isRankOfUser = true;
        this.#changed();
      },
    });
    this.#density = numberField({ label: text('mergeDensity'), min: 0.01, max: 1, step: 'any', onInput });
    this.#seed = numberField({ label: text('mergeSeed'), min: 0, max: MAX_MERGE_SEED, step: 1, onInput });
    this.#run = button({ label: text('mergeRun'), icon: 'merge', look: 'primary', onPress: () => this.#start() });
    this.#stop = button({ label: text('stop'), icon: 'stop', onPress: () => shell.post({ type: 'stopMerge' }) });
    this.#stop.hidden = true;
    this.#outcome = new MergeOutcome(shell);
    this.element = el(
      'section',
      { class: 'page merge' },
      this.#title,
      el('p', { class: 'muted' }, text('mergeHelp')),
      el('h2', {}, text('mergeParts')),
      this.#parts.element,
      el('h2', {}, text('mergeMethod')),
      el(
        'div',
        { class: 'method' },
        this.#method.element,
        this.#rank.element,
        this.#density.element,
        this.#seed.element,
      ),
      this.#methodHelp,
      this.#notes,
      el('div', { class: 'actions' }, this.#run, this.#stop),
      this.#outcome.element,
    );
    this.#density.set(0.5);
    this.#seed.set(0);
    this.#restore();
    this.#draw();
  }

  receive(message: ToPanel): void {
    if (message.type !== 'merge') return;
    const { choices, picked, run } = message.merge;
    this.#parts.setChoices(choices);
    if (picked !== undefined) this.#parts.want([{ key: picked, weight: 1 }]);
    if (run) this.#follow(run);
  }

  focus(): void {
    this.#title.focus();
  }

  dispose(): void {
    // Nothing outlives the element.
  }

  #follow(run: MergeRun): void {
    this.#isRunning = run.phase === 'running';
    const hadFocus = document.activeElement === this.#run || document.activeElement === this.#stop;
    this.#run.hidden = this.#isRunning;
    this.#stop.hidden = !this.#isRunning;
    if (hadFocus) (this.#isRunning ? this.#stop : this.#run).focus();
    // After a merge the next step is what to do with it.
    setLook(this.#run, run.phase === 'done' ? 'secondary' : 'primary');
    this.#outcome.draw(run);
  }

  get #chosenMethod(): MergeMethod {
    return MERGE_METHODS.find((method) => method === this.#method.get()) ?? 'concat';
  }

  #changed(): void {
    setLook(this.#run, 'primary');
    this.#draw();
    this.shell.saveDraft('merge', {
      wanted: this.wanted,
      parts: this.#parts.parts ?? [],
      method: this.#chosenMethod,
      ...(this.#isRankOfUser && { rank: this.#rank.get() }),
      density: this.#density.get(),
      seed: this.#seed.get(),
    });
  }

  #draw(): void {
    const { words } = this.shell;
    const { choices } = this.#parts;
    const method = this.#chosenMethod;
    if (!this.#isRankOfUser) this.#rank.set(usualRank(choices));
    this.#rank.element.hidden = method === 'concat';
    this.#density.element.hidden = method !== 'ties' && method !== 'dare';
    this.#seed.element.hidden = method !== 'dare';
    setText(this.#methodHelp, words.text(METHOD_HELP[method]));
    const expected = forecast(words, choices, method, this.#rank.get());
    const bases = differingBases(choices);
    fill(
      this.#notes,
      expected &&
        el(
          'p',
          { class: `mark ${expected.isExact ? 'good' : 'fair'}` },
          icon(expected.isExact ? 'pass' : 'similar'),
          expected.text,
        ),
      bases.length > 0
        ? el(
            'p',
            { class: 'notice fair' },
            icon('warning'),
            el('span', {}, foreign(words.text('mergeOtherBases', bases.join(', ')))),
          )
        : undefined,
    );
    this.#run.toggleAttribute('disabled', !this.#request());
  }

  #start(): void {
    const request = this.#request();
    if (request && !this.#isRunning) this.shell.post(request);
  }

  /** What would be merged; `undefined` while something is missing or no number. */
  #request() {
    const { parts } = this.#parts;
    const method = this.#chosenMethod;
    const [rank, density, seed] = [this.#rank.get(), this.#density.get(), this.#seed.get()];
    if (!parts || parts.length < 2) return undefined;
    if (method !== 'concat' && rank === undefined) return undefined;
    if ((method === 'ties' || method === 'dare') && density === undefined) return undefined;
    if (method === 'dare' && seed === undefined) return undefined;
    return {
      type: 'merge',
      parts,
      method,
      ...(method !== 'concat' && rank !== undefined && { rank }),
      ...((method === 'ties' || method === 'dare') && density !== undefined && { density }),
      ...(method === 'dare' && seed !== undefined && { seed }),
    } as const;
  }

  #restore(): void {
    const { wanted, parts, method, rank, density, seed } = savedDraft(this.shell.draft('merge'));
    if (method) this.#method.set(method);
    if (rank !== undefined) {
      this.#isRankOfUser = true;
      this.#rank.set(rank);
    }
    if (density !== undefined) this.#density.set(density);
    if (seed !== undefined) this.#seed.set(seed);
    // A page that was only out of sight comes back as it was left.
    const isSame = this.wanted.length === 0 || this.wanted.join() === wanted.join();
    this.#parts.want(isSame && parts.length > 0 ? parts : this.wanted.map((key) => ({ key, weight: 1 })));
  }
}

interface MergeDraft {
  readonly wanted: readonly string[];
  readonly parts: readonly MergePart[];
  readonly method?: MergeMethod;
  readonly rank?: number;
  readonly density?: number;
  readonly seed?: number;
}

/** What the editor kept may be of another version of this page. */
function savedDraft(value: unknown): MergeDraft {
  if (typeof value !== 'object' || value === null) return { wanted: [], parts: [] };
  const { wanted, parts, method, rank, density, seed } = value as Record<string, unknown>;
  const known = MERGE_METHODS.find((item) => item === method);
  return {
    wanted: Array.isArray(wanted) ? wanted.filter(isMergeKey) : [],
    parts: Array.isArray(parts) ? parts.filter(isPart) : [],
    ...(known && { method: known }),
    ...(typeof rank === 'number' && { rank }),
    ...(typeof density === 'number' && { density }),
    ...(typeof seed === 'number' && { seed }),
  };
}

function isPart(value: unknown): value is MergePart {
  if (typeof value !== 'object' || value === null) return false;
  const { key, weight } = value as Record<string, unknown>;
  return isMergeKey(key) && typeof weight === 'number' && Math.abs(weight) <= MAX_MERGE_WEIGHT;
}
