import type { AdapterDetails, AdapterIntent, PanelEngine, ToPanel, TransferState } from '../src/shared/panelProtocol';
import { button, labelButton, progressRing, setLook } from './components';
import { adapterName, el, fill, focusIfIdle, foreign } from './dom';
import { downloadOf } from './entryRow';
import { factsTable } from './facts';
import { icon } from './icons';
import type { Page, Shell } from './page';
import { proposals } from './proposals';
import { strengthFigure } from './strength';
import { TransferBar } from './transferBar';
import { verdictMark } from './verdict';

/** One adapter: what it is, whether it fits here, who signed it, and what can be done with it. */
export class AdapterPage implements Page {
  readonly element: HTMLElement;
  readonly #head = el('header', { class: 'adapter-head' });
  readonly #title = el('h1', { tabindex: -1 });
  readonly #actions = el('div', { class: 'actions' });
  readonly #transfer: TransferBar;
  readonly #notes = el('ul', { class: 'notices' });
  readonly #body = el('div', { class: 'adapter-body' });
  readonly #buttons: Readonly<Record<AdapterIntent, HTMLElement>>;
  readonly #parts: readonly HTMLElement[];
  #details: AdapterDetails | undefined;
  #drawn = '';
  /** The title comes with the details, after the page. */
  #wantsFocus = false;

  constructor(
    private readonly shell: Shell,
    private readonly id: string,
  ) {
    const { text } = shell.words;
    const press = (type: AdapterIntent) => () => shell.post({ type, id });
    this.#buttons = {
      download: button({ label: text('download'), icon: 'download', look: 'primary', onPress: press('download') }),
      resume: button({ label: text('resume'), icon: 'play', look: 'primary', onPress: press('resume') }),
      pause: button({ label: text('pause'), icon: 'pause', onPress: press('pause') }),
      cancel: button({ label: text('cancel'), icon: 'close', onPress: press('cancel') }),
      install: button({ label: text('install'), icon: 'install', look: 'primary', onPress: press('install') }),
      compareWithBase: button({
        label: text('compareWithBase'),
        icon: 'compare',
        onPress: press('compareWithBase'),
      }),
      mergeIntoBase: button({ label: text('mergeIntoBase'), icon: 'merge', onPress: press('mergeIntoBase') }),
      copyLink: button({ label: text('copyLink'), icon: 'link', onPress: this.#copy('copyLink') }),
      copyId: button({ label: text('copyId'), icon: 'copy', onPress: this.#copy('copyId') }),
    };
    this.#transfer = new TransferBar(shell, id);
    this.#parts = [this.#actions, this.#transfer.element, this.#notes, this.#body];
    this.#notes.setAttribute('aria-label', text('problems'));
    this.#actions.append(...Object.values(this.#buttons));
    const back = button({
      label: text('back'),
      icon: 'back',
      look: 'icon',
      onPress: () => this.#back(),
    });
    this.element = el(
      'section',
      { class: 'page adapter', 'aria-busy': 'true' },
      el('div', { class: 'crumb' }, back, el('span', { 'aria-hidden': 'true' }, text('explore'))),
      this.#head,
    );
    fill(this.#head, el('p', { class: 'waiting' }, progressRing(), text('loading')));
    this.element.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !event.defaultPrevented) this.#back();
    });
  }

  receive(message: ToPanel): void {
    if (message.type === 'adapter' && message.id === this.id) this.#takeDetails(message);
    else if (message.type === 'engine' && this.#details) this.#drawActions(this.#details, message.engine);
  }

  focus(): void {
    this.#wantsFocus = true;
    this.#title.focus();
  }

  dispose(): void {
    // Nothing outlives the element.
  }

  #takeDetails({ details, problem, connected }: ToPanel & { readonly type: 'adapter' }): void {
    this.element.removeAttribute('aria-busy');
    const next = JSON.stringify([details, problem, connected]);
    if (next === this.#drawn) return;
    this.#drawn = next;
    this.#details = details;
    if (!details) {
      this.#drawGone(problem);
      return;
    }
    this.#drawHead(details);
    this.#drawNotes(details);
    this.#drawBody(details, connected);
    this.#drawActions(details, this.shell.engine());
    if (!this.#body.isConnected) this.element.append(...this.#parts);
    if (this.#wantsFocus) focusIfIdle(this.#title);
    this.#wantsFocus = false;
  }

  #drawGone(problem: string | undefined): void {
    const { text } = this.shell.words;
    fill(this.#title, text(problem ? 'adapterFailedTitle' : 'adapterGoneTitle'));
    fill(
      this.#head,
      el('div', {}, this.#title, el('p', {}, problem ?? text('adapterGone')), el('code', { class: 'muted' }, this.id)),
    );
    for (const part of this.#parts) part.remove();
  }

  #drawHead(details: AdapterDetails): void {
    const { words } = this.shell;
    fill(this.#title, adapterName(details.name));
    const facts = [
      details.signerFingerprint && el('code', { title: details.authorKey }, details.signerFingerprint),
      details.baseModel ? foreign(details.baseModel, 'base') : words.text('baseUnknown'),
      details.rank === undefined ? undefined : words.text('rank', details.rank),
      el('span', { class: 'figure' }, words.bytes(details.bytes)),
      words.count('sources', details.sources.length),
    ];
    fill(
      this.#head,
      icon('adapter', 'adapter-icon'),
      el(
        'div',
        {},
        this.#title,
        el(
          'ul',
          { class: 'head-facts' },
          ...facts.filter((fact) => fact !== undefined).map((fact) => el('li', {}, fact)),
        ),
        el(
          'p',
          { class: 'verdict' },
          verdictMark(words, details.verdict),
          el('span', { class: 'reason' }, details.verdict?.reason ?? ''),
        ),
      ),
    );
  }

  #drawActions(details: AdapterDetails, engine: PanelEngine | undefined): void {
    const { text } = this.shell.words;
    const download = downloadOf(engine, this.id);
    const isHere = details.isDownloaded || details.isMine;
    const show = (intent: AdapterIntent, isShown: boolean): void => {
      const element = this.#buttons[intent];
      // The button that was pressed goes away: its neighbour takes the focus, so the keyboard stays here.
      if (!isShown && element === document.activeElement) queueMicrotask(() => this.#focusAction());
      element.hidden = !isShown;
    };
    show('download', !isHere && (!download || download.phase === 'failed'));
    labelButton(this.#buttons.download, text(download?.phase === 'failed' ? 'retry' : 'download'), 'download');
    show('resume', download?.phase === 'paused');
    show('pause', isMoving(download));
    show('cancel', download !== undefined);
    show('install', isHere && !download);
    labelButton(this.#buttons.install, text(details.models.length > 0 ? 'installAgain' : 'install'), 'install');
    show('compareWithBase', details.models.length > 0);
    show('mergeIntoBase', isHere && !download && details.problems.some(({ blocks }) => blocks === 'gguf'));
    setLook(this.#buttons.install, details.models.length > 0 ? 'secondary' : 'primary');
    this.#transfer.draw(download);
  }

  #focusAction(): void {
    Object.values(this.#buttons)
      .find((element) => !element.hidden)
      ?.focus();
  }

  #drawBody(details: AdapterDetails, connected: number | undefined): void {
    const { words } = this.shell;
    const isHere = details.layers.length > 0 || details.card !== undefined || details.isDownloaded || details.isMine;
    fill(
      this.#body,
      el('aside', { 'aria-label': words.text('facts') }, factsTable(words, details, this.shell.engine(), connected)),
      el(
        'div',
        { class: 'adapter-main' },
        el('h2', {}, words.text('strength')),
        details.layers.length > 0
          ? strengthFigure(words, details.layers)
          : el('p', { class: 'muted' }, words.text('strengthLater')),
        ...proposals(words, details.extras),
        el('h2', {}, words.text('card')),
        this.#card(details, isHere),
      ),
    );
  }

  #drawNotes(details: AdapterDetails): void {
    const { words } = this.shell;
    const notes = details.problems.map((problem) => {
      const isRefusal = problem.severity === 'refuse';
      return el(
        'li',
        { class: `notice ${isRefusal ? 'bad' : 'fair'}` },
        icon(isRefusal ? 'error' : 'warning'),
        el(
          'span',
          {},
          el('strong', {}, words.text(isRefusal ? 'problemRefuse' : 'problemWarn'), ': '),
          foreign(problem.message),
          ...(problem.blocks === 'gguf' ? [' ', words.text('canBeMerged')] : []),
        ),
      );
    });
    if (details.sources.length === 0 && !details.isDownloaded && !details.isMine)
      notes.push(el('li', { class: 'notice fair' }, icon('warning'), words.text('noSources')));
    for (const model of details.models)
      notes.push(el('li', { class: 'notice good' }, icon('pass'), words.text('installedAs'), foreign(model, 'chip')));
    this.#notes.hidden = notes.length === 0;
    fill(this.#notes, ...notes);
  }

  #card(details: AdapterDetails, isHere: boolean): HTMLElement {
    const { words } = this.shell;
    if (!details.card) return el('p', { class: 'muted' }, words.text(isHere ? 'cardNone' : 'cardLater'));
    return el(
      'div',
      { class: 'card' },
      el('p', { class: 'muted' }, words.text('cardHelp')),
      el('pre', { dir: 'auto', tabindex: 0, role: 'group', 'aria-label': words.text('card') }, details.card),
    );
  }

  #copy(type: 'copyLink' | 'copyId'): () => void {
    return () => {
      this.shell.post({ type, id: this.id });
      this.shell.announce(this.shell.words.text('copied'));
    };
  }

  #back(): void {
    this.shell.post({ type: 'open', page: { page: 'explore' } });
  }
}

function isMoving(download: TransferState | undefined): boolean {
  return download?.phase === 'running' || download?.phase === 'waiting' || download?.phase === 'verifying';
}
