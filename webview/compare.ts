import {
  MAX_COMPARE_TOKENS,
  MAX_PROMPT_LENGTH,
  type CompareAnswer,
  type CompareRun,
} from '../src/shared/compareProtocol';
import { isModelName } from '../src/shared/panelFields';
import type { PanelModel, PanelPage, ToPanel } from '../src/shared/panelProtocol';
import { cutAt, parting } from './answers';
import { button, dropdown, progressRing, type Choice } from './components';
import { el, fill, foreign, setText } from './dom';
import { icon } from './icons';
import { textArea } from './inputs';
import type { Page, Shell } from './page';

const LENGTHS = [64, 128, 256, 512, MAX_COMPARE_TOKENS];
type Side = 'base' | 'model';

/** The same prompt to a base and to a model made of it, side by side. */
export class ComparePage implements Page {
  readonly element: HTMLElement;
  readonly #title: HTMLElement;
  readonly #base;
  readonly #model;
  readonly #length;
  readonly #prompt;
  readonly #run: HTMLElement;
  readonly #stop: HTMLElement;
  readonly #hint = el('p', { class: 'hint', role: 'status' });
  readonly #note = el('div', { class: 'compare-note', role: 'status' });
  readonly #columns: Readonly<Record<Side, AnswerColumn>>;
  readonly #answers = el('div', { class: 'answers' });
  readonly #form: HTMLElement;
  readonly #nothing: HTMLElement;
  #models: readonly PanelModel[] = [];
  #isRunning = false;

  constructor(
    private readonly shell: Shell,
    /** What was asked for from outside; it goes before what was here last. */
    private readonly wanted: PanelPage & { readonly page: 'compare' },
  ) {
    const { text } = shell.words;
    const save = (): void => this.#save();
    this.#title = el('h1', { tabindex: -1 }, text('compare'));
    this.#base = dropdown({ label: text('compareBase'), choices: [], onChange: save });
    this.#model = dropdown({ label: text('compareModel'), choices: [], onChange: () => this.#followModel() });
    this.#length = dropdown({ label: text('compareLength'), choices: this.#lengths(), onChange: save });
    this.#prompt = textArea({
      label: text('comparePrompt'),
      placeholder: text('comparePromptHint'),
      maxLength: MAX_PROMPT_LENGTH,
      onInput: save,
      onSubmit: () => this.#start(),
    });
    this.#run = button({ label: text('compareRun'), icon: 'play', look: 'primary', onPress: () => this.#start() });
    this.#stop = button({ label: text('stop'), icon: 'stop', onPress: () => shell.post({ type: 'stopCompare' }) });
    this.#stop.hidden = true;
    this.#columns = { base: new AnswerColumn(shell), model: new AnswerColumn(shell) };
    this.#answers.append(this.#columns.base.element, this.#columns.model.element);
    this.#answers.hidden = true;
    const labelled = (label: string, field: HTMLElement): HTMLElement =>
      el('div', { class: 'field' }, el('span', { 'aria-hidden': 'true' }, label), field);
    this.#form = el(
      'div',
      { class: 'form' },
      el(
        'div',
        { class: 'pair' },
        labelled(text('compareBase'), this.#base.element),
        labelled(text('compareModel'), this.#model.element),
      ),
      this.#prompt.element,
      el('div', { class: 'actions' }, this.#run, this.#stop, this.#length.element),
      this.#hint,
    );
    this.#nothing = this.#noModels();
    this.element = el(
      'section',
      { class: 'page compare' },
      this.#title,
      el('p', { class: 'muted' }, text('compareHelp')),
      this.#form,
      this.#nothing,
      this.#note,
      this.#answers,
    );
    this.#restore();
    this.#takeModels(shell.models());
  }

  receive(message: ToPanel): void {
    if (message.type === 'models') {
      this.#takeModels(message.models);
      this.#nothing.hidden = this.#models.length > 0;
      this.#form.hidden = this.#models.length === 0;
    } else if (message.type === 'compare') this.#draw(message.run);
  }

  focus(): void {
    this.#title.focus();
  }

  dispose(): void {
    // Nothing outlives the element.
  }

  /** Only names that the extension takes back. Those that carry an adapter come first on their side. */
  #takeModels(models: readonly PanelModel[]): void {
    this.#models = models.filter(({ name }) => isModelName(name));
    const [plain, made] = [this.#models.filter(({ base }) => !base), this.#models.filter(({ base }) => base)];
    this.#base.setChoices([...plain, ...made].map(choice));
    this.#model.setChoices([...made, ...plain].map(choice));
    const kept = savedDraft(this.shell.draft('compare'));
    // A page that was only out of sight comes back as it was left.
    const isBack = kept.wanted === JSON.stringify(this.wanted);
    const model = (isBack ? undefined : this.#nameOf(this.wanted.model)) ?? this.#nameOf(kept.model);
    if (model !== undefined) this.#model.set(model);
    const base = (isBack ? this.#nameOf(kept.base) : this.#nameOf(this.wanted.base)) ?? this.#baseOf(this.#model.get());
    if (base !== undefined) this.#base.set(base);
  }

  #followModel(): void {
    const base = this.#baseOf(this.#model.get());
    if (base !== undefined) this.#base.set(base);
    this.#save();
  }

  #baseOf(model: string): string | undefined {
    return this.#nameOf(this.#models.find(({ name }) => name === model)?.base);
  }

  /** The name as Ollama lists it: people leave `:latest` out. */
  #nameOf(name: string | undefined): string | undefined {
    const full = name === undefined || /:[^/]*$/.test(name) ? name : `${name}:latest`;
    return this.#models.find((model) => model.name === name || model.name === full)?.name;
  }

  #start(): void {
    const { text } = this.shell.words;
    const [base, model, prompt] = [this.#base.get(), this.#model.get(), this.#prompt.get()];
    if (this.#isRunning) return;
    setText(this.#hint, base === model ? text('compareSameModel') : prompt.trim() ? '' : text('compareNoPrompt'));
    if (this.#hint.textContent !== '') return;
    this.shell.post({ type: 'compare', base, model, prompt, tokens: Number(this.#length.get()) });
  }

  #draw(run: CompareRun): void {
    const wasRunning = this.#isRunning;
    this.#isRunning = run.phase === 'running';
    this.#answers.hidden = false;
    // The button that was pressed goes away: the other one takes the focus.
    const hadFocus = this.#form.contains(document.activeElement) && isButton(document.activeElement);
    this.#run.hidden = this.#isRunning;
    this.#stop.hidden = !this.#isRunning;
    if (hadFocus && wasRunning !== this.#isRunning) (this.#isRunning ? this.#stop : this.#run).focus();

    const { base, model } = run.answers;
    const isOver = run.phase === 'done';
    const parted = isOver ? parting(base.text, model.text) : undefined;
    const at = parted && !parted.isIdentical ? parted.at : undefined;
    this.#columns.base.draw(run.base, base, this.#isRunning, at);
    this.#columns.model.draw(run.model, model, this.#isRunning, at);
    fill(this.#note, this.#noteOf(run));
  }

  #noteOf({ phase, answers }: CompareRun): HTMLElement {
    const { words } = this.shell;
    const { text } = words;
    if (phase === 'running') return el('p', { class: 'waiting' }, progressRing(), text('compareRunning'));
    if (phase === 'stopped') return el('p', { class: 'muted' }, text('compareStopped'));
    if (phase === 'failed') return el('p', { class: 'notice bad' }, icon('error'), text('compareFailed'));
    const { isIdentical, words: common } = parting(answers.base.text, answers.model.text);
    if (isIdentical)
      return el(
        'p',
        { class: 'notice bad loud' },
        icon('warning'),
        el('span', {}, el('strong', {}, text('compareIdentical')), ' ', text('compareIdenticalHelp')),
      );
    return el(
      'p',
      { class: 'notice good' },
      icon('pass'),
      common === 0 ? text('comparePartFirst') : words.count('comparePart', common),
    );
  }

  #noModels(): HTMLElement {
    const { text } = this.shell.words;
    const openDoctor = button({
      label: text('openDoctor'),
      look: 'primary',
      onPress: () => this.shell.post({ type: 'open', page: { page: 'doctor' } }),
    });
    const sign = el('div', { class: 'empty-icon' }, icon('compare'));
    const title = el('h2', {}, text('compareNoModelsTitle'));
    const element = el(
      'div',
      { class: 'empty' },
      sign,
      title,
      el('p', {}, text('compareNoModels')),
      el('div', { class: 'empty-buttons' }, openDoctor),
    );
    element.hidden = true;
    return element;
  }

  #lengths(): Choice[] {
    const { words } = this.shell;
    return LENGTHS.map((count) => ({ value: String(count), label: words.text('tokensUpTo', words.number(count)) }));
  }

  #restore(): void {
    const { prompt, tokens } = savedDraft(this.shell.draft('compare'));
    this.#prompt.set(prompt ?? '');
    this.#length.set(String(LENGTHS.includes(tokens ?? 0) ? tokens : 128));
  }

  #save(): void {
    setText(this.#hint, '');
    this.shell.saveDraft('compare', {
      wanted: JSON.stringify(this.wanted),
      base: this.#base.get(),
      model: this.#model.get(),
      prompt: this.#prompt.get(),
      tokens: Number(this.#length.get()),
    });
  }
}

/** What one model says. Its words are text and nothing else, as they come and after. */
class AnswerColumn {
  readonly element: HTMLElement;
  readonly #name = el('h2', {});
  /** Read aloud once it is whole: nobody could listen to it word by word. */
  readonly #text = el('div', { class: 'answer-text', dir: 'auto', role: 'group', 'aria-live': 'polite', tabindex: 0 });
  readonly #figures = el('p', { class: 'answer-figures' });

  constructor(private readonly shell: Shell) {
    this.element = el('article', { class: 'answer' }, this.#name, this.#text, this.#figures);
  }

  draw(name: string, { text, done }: CompareAnswer, isRunning: boolean, partAt: number | undefined): void {
    const { words } = this.shell;
    fill(this.#name, foreign(name));
    this.#text.setAttribute('aria-label', name);
    this.#text.setAttribute('aria-busy', String(isRunning && !done));
    if (text === '') {
      const empty = words.text(isRunning ? 'compareWaiting' : 'noWords');
      fill(this.#text, el('span', { class: 'muted' }, empty));
    } else if (partAt === undefined) setText(this.#text, text);
    else {
      const [common, word, rest] = cutAt(text, partAt);
      fill(this.#text, el('span', { class: 'common' }, common), el('mark', {}, word), rest);
    }
    setText(this.#figures, done ? this.#say(done) : '');
  }

  #say({ tokens, seconds }: NonNullable<CompareAnswer['done']>): string {
    const { words } = this.shell;
    const rate = seconds > 0 ? words.text('tokensPerSecond', words.number(tokens / seconds, 1)) : undefined;
    return [words.count('tokens', tokens), words.seconds(seconds), rate]
      .filter((part) => part !== undefined)
      .join(' · ');
  }
}

const choice = ({ name }: PanelModel): Choice => ({ value: name, label: name });

function isButton(element: Element | null): boolean {
  return element?.tagName === 'VSCODE-BUTTON';
}

interface CompareDraft {
  readonly wanted?: string;
  readonly base?: string;
  readonly model?: string;
  readonly prompt?: string;
  readonly tokens?: number;
}

/** What the editor kept may be of another version of this page. */
function savedDraft(value: unknown): CompareDraft {
  if (typeof value !== 'object' || value === null) return {};
  const { wanted, base, model, prompt, tokens } = value as Record<string, unknown>;
  return {
    ...(typeof wanted === 'string' && { wanted }),
    ...(typeof base === 'string' && { base }),
    ...(typeof model === 'string' && { model }),
    ...(typeof prompt === 'string' && { prompt: prompt.slice(0, MAX_PROMPT_LENGTH) }),
    ...(typeof tokens === 'number' && { tokens }),
  };
}
