import type { ToPanel, TransferState } from '../src/shared/panelProtocol';
import type { TransferPlace, TransferShown } from '../src/shared/transferProtocol';
import { ChunkMap } from './chunkMap';
import { button, progressRing } from './components';
import { adapterName, el, fill, focusIfIdle, setAttributes, setText } from './dom';
import { icon } from './icons';
import type { Page, Shell } from './page';
import { ProgressVoice } from './progressVoice';
import { SourcesTable } from './sourcesTable';
import { Sparkline } from './sparkline';
import { TransferActions } from './transferActions';
import { endLook, stateLook, type StateLook } from './transferState';

/** One download or upload as it runs: how far, how fast, and who gives or takes. */
export class TransferPage implements Page {
  readonly element: HTMLElement;
  readonly #title = el('h1', { tabindex: -1 });
  readonly #state = el('p', { class: 'transfer-state' });
  readonly #head: HTMLElement;
  readonly #loading: HTMLElement;
  readonly #problem = el('p', { class: 'transfer-problem', dir: 'auto' });
  readonly #done = el('div', { class: 'bar-done' });
  readonly #bar: HTMLElement;
  readonly #line = el('p', { class: 'transfer-line' });
  readonly #map: ChunkMap;
  readonly #speed: Sparkline;
  readonly #sources: SourcesTable;
  readonly #actions: TransferActions;
  readonly #body: HTMLElement;
  readonly #voice: ProgressVoice;
  readonly #isUpload: boolean;
  #drawnState = '';
  #drawnName = '';
  #wantsFocus = false;

  constructor(
    private readonly shell: Shell,
    private readonly place: TransferPlace,
  ) {
    const { words } = shell;
    const { text } = words;
    this.#isUpload = place.direction === 'upload';
    this.#voice = new ProgressVoice(shell);
    this.#map = new ChunkMap(words);
    this.#speed = new Sparkline(words);
    this.#sources = new SourcesTable(words, this.#isUpload);
    this.#actions = new TransferActions(shell, place, () => this.#title.focus());
    this.#bar = el(
      'div',
      { class: 'bar', role: 'progressbar', 'aria-label': text('transfer'), 'aria-valuemin': 0, 'aria-valuemax': 100 },
      this.#done,
    );
    this.#loading = el('p', { class: 'waiting' }, progressRing(), text('loading'));
    this.#head = el(
      'header',
      { class: 'adapter-head' },
      icon(this.#isUpload ? 'upload' : 'download', 'adapter-icon'),
      el('div', {}, this.#title, this.#state),
    );
    this.#body = el(
      'div',
      {},
      this.#actions.element,
      this.#problem,
      el('div', { class: 'transfer' }, this.#isUpload ? undefined : this.#bar, this.#line),
      el(
        'div',
        { class: 'transfer-figures' },
        this.#isUpload ? undefined : el('section', {}, el('h2', {}, text('map')), this.#map.element),
        el('section', {}, el('h2', {}, text('speed')), this.#speed.element),
      ),
      el('h2', {}, text(this.#isUpload ? 'takers' : 'sources')),
      this.#sources.element,
    );
    const back = button({ label: text('showAdapter'), icon: 'back', look: 'icon', onPress: () => this.#openAdapter() });
    this.element = el(
      'section',
      { class: 'page transfer-page', 'aria-busy': 'true' },
      el('div', { class: 'crumb' }, back, el('span', { 'aria-hidden': 'true' }, text('showAdapter'))),
      this.#loading,
    );
    this.element.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !event.defaultPrevented) this.#openAdapter();
    });
  }

  receive(message: ToPanel): void {
    if (message.type === 'engine') this.#actions.drawMoves();
    if (message.type !== 'transfer') return;
    const { shown } = message;
    if (shown.id !== this.place.id || shown.direction !== this.place.direction) return;
    this.#draw(shown);
  }

  focus(): void {
    this.#wantsFocus = true;
    this.#title.focus();
  }

  dispose(): void {
    this.#voice.dispose();
  }

  #draw(shown: TransferShown): void {
    const { words } = this.shell;
    const { details, end } = shown;
    this.element.removeAttribute('aria-busy');
    if (!this.#head.isConnected) {
      this.#loading.replaceWith(this.#head, this.#body);
      // Before the first answer there is no title that could take it.
      if (this.#wantsFocus) focusIfIdle(this.#title);
    }
    // Without details only the end is known, or why there is nothing to know.
    const look = details ? stateLook(words, details.transfer, end) : end ? endLook(words, end) : undefined;
    this.#drawHead(details?.transfer.name ?? this.place.id.slice(0, 8), look);
    this.#actions.draw(shown);
    this.#drawProblem(shown);
    for (const part of [...this.#body.children].slice(2)) (part as HTMLElement).hidden = !details;
    if (!details) return;
    this.#drawProgress(details.transfer, look?.text ?? '');
    if (!this.#isUpload) this.#map.draw(details);
    this.#speed.draw(details.transfer.rate, details.rates);
    this.#sources.draw(details.peers);
  }

  #drawHead(name: string, look: StateLook | undefined): void {
    if (name !== this.#drawnName) {
      this.#drawnName = name;
      fill(this.#title, adapterName(name));
    }
    const state = JSON.stringify(look);
    if (state === this.#drawnState) return;
    this.#drawnState = state;
    fill(this.#state, look && icon(look.icon, look.tone), look && el('span', {}, look.text));
  }

  #drawProgress(transfer: TransferState, state: string): void {
    const { words } = this.shell;
    const { bytesDone, bytesTotal, phase, rate, secondsLeft } = transfer;
    if (this.#isUpload) {
      setText(this.#line, words.text('sent', words.bytes(bytesDone)));
      this.#voice.say(state);
      return;
    }
    const percent = bytesTotal > 0 ? Math.floor((100 * bytesDone) / bytesTotal) : 0;
    this.#done.style.width = `${percent}%`;
    const figures = [
      words.text('progress', words.bytes(bytesDone), words.bytes(bytesTotal)),
      words.percent(bytesDone, bytesTotal),
      ...(phase === 'running' ? [words.rate(rate)] : []),
      ...(secondsLeft === undefined || phase !== 'running'
        ? []
        : [words.text('timeLeft', words.duration(secondsLeft))]),
    ];
    setText(this.#line, figures.map((figure) => figure.replaceAll(' ', '\u00a0')).join(' · '));
    setAttributes(this.#bar, { 'aria-valuenow': percent, 'aria-valuetext': figures.join(', '), 'data-phase': phase });
    this.#voice.say(words.text('progressSpoken', state, words.percent(bytesDone, bytesTotal)));
  }

  /** What failed is loud; what goes on by itself once its reason is gone is not. */
  #drawProblem({ details, end, problem }: TransferShown): void {
    const message = problem ?? (end ? undefined : details?.transfer.problem?.message);
    const isFailure = problem !== undefined || details?.transfer.phase === 'failed';
    setAttributes(this.#problem, {
      role: isFailure ? 'alert' : undefined,
      class: isFailure ? 'transfer-problem bad' : 'transfer-problem quiet',
    });
    setText(this.#problem, message ?? '');
    this.#problem.hidden = message === undefined;
  }

  #openAdapter(): void {
    this.shell.post({ type: 'open', page: { page: 'adapter', id: this.place.id } });
  }
}
