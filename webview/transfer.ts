import type { ToPanel, TransferState } from '../src/shared/panelProtocol';
import { QUEUE_MOVES, type QueueMove, type TransferPlace, type TransferShown } from '../src/shared/transferProtocol';
import { ChunkMap } from './chunkMap';
import { button, progressRing, setDisabled } from './components';
import { adapterName, el, fill, setAttributes, setText } from './dom';
import { icon } from './icons';
import type { Page, Shell } from './page';
import { ProgressVoice } from './progressVoice';
import { SourcesTable } from './sourcesTable';
import { Sparkline } from './sparkline';
import { endLook, stateLook, type StateLook } from './transferState';

const ACTIONS = ['retry', 'resume', 'pause', 'cancel', 'openSettings', 'openDoctor', 'showAdapter'] as const;
type Action = (typeof ACTIONS)[number];

const MOVES = { first: 'moveFirst', up: 'moveUp', down: 'moveDown', last: 'moveLast' } as const;

/** One download or upload as it runs: how far, how fast, and who gives or takes. */
export class TransferPage implements Page {
  readonly element: HTMLElement;
  readonly #title = el('h1', { tabindex: -1 });
  readonly #state = el('p', { class: 'transfer-state' });
  readonly #head: HTMLElement;
  readonly #loading: HTMLElement;
  readonly #buttons: Readonly<Record<Action, HTMLElement>>;
  readonly #moves: Readonly<Record<QueueMove, HTMLElement>>;
  readonly #queue: HTMLElement;
  readonly #problem = el('p', { class: 'transfer-problem bad', role: 'alert', dir: 'auto' });
  readonly #done = el('div', { class: 'bar-done' });
  readonly #bar: HTMLElement;
  readonly #line = el('p', { class: 'transfer-line' });
  readonly #map: ChunkMap;
  readonly #speed: Sparkline;
  readonly #sources: SourcesTable;
  readonly #actions: HTMLElement;
  readonly #body: HTMLElement;
  readonly #voice: ProgressVoice;
  readonly #isUpload: boolean;
  #drawnState = '';
  #drawnName = '';
  #wantsFocus = false;
  #shown: TransferShown | undefined;

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
    this.#buttons = this.#makeButtons();
    this.#moves = this.#makeMoves();
    this.#queue = el(
      'div',
      { class: 'moves', role: 'group', 'aria-label': text('moveInQueue') },
      ...QUEUE_MOVES.map((to) => this.#moves[to]),
    );
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
    this.#actions = el('div', { class: 'actions' }, ...ACTIONS.map((action) => this.#buttons[action]), this.#queue);
    this.#body = el(
      'div',
      {},
      this.#actions,
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
    if (message.type === 'engine' && this.#shown) this.#drawMoves(this.#shown);
    if (message.type !== 'transfer') return;
    const { shown } = message;
    if (shown.id !== this.place.id || shown.direction !== this.place.direction) return;
    this.#shown = shown;
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
    const { details, end, problem } = shown;
    this.element.removeAttribute('aria-busy');
    if (!this.#head.isConnected) {
      this.#loading.replaceWith(this.#head, this.#body);
      // Before the first answer there is no title that could take it.
      if (this.#wantsFocus && document.activeElement === document.body) this.#title.focus();
    }
    // Without details only the end is known, or why there is nothing to know.
    const look = details ? stateLook(words, details.transfer, end) : end ? endLook(words, end) : undefined;
    this.#drawHead(details?.transfer.name ?? this.place.id.slice(0, 8), look);
    this.#drawActions(shown);
    this.#drawProblem(problem ?? (end ? undefined : details?.transfer.problem?.message));
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

  #drawActions({ details, end, problem }: TransferShown): void {
    const transfer = details?.transfer;
    const phase = end || this.#isUpload ? undefined : transfer?.phase;
    const code = end ? undefined : transfer?.problem?.code;
    const isStopped = phase === 'failed';
    const shown: Readonly<Record<Action, boolean>> = {
      retry: isStopped,
      resume: phase === 'paused',
      pause: phase === 'running' || phase === 'waiting' || phase === 'verifying',
      cancel: phase !== undefined && phase !== 'done' && phase !== 'cancelled',
      openSettings: code === 'STORE_FULL',
      openDoctor: code === 'NO_SOURCES' || (phase === 'waiting' && (transfer?.peers ?? 0) === 0),
      showAdapter: end !== undefined || problem !== undefined,
    };
    for (const action of ACTIONS) this.#show(this.#buttons[action], shown[action]);
    this.#actions.hidden = this.#isUpload && !shown.showAdapter;
    this.#drawMoves({
      id: this.place.id,
      direction: this.place.direction,
      ...(details && { details }),
      ...(end && { end }),
    });
  }

  #drawMoves({ details, end }: TransferShown): void {
    const isQueued = !end && !this.#isUpload && details?.transfer.phase === 'queued';
    this.#show(this.#queue, isQueued);
    if (!isQueued) return;
    const place = details.transfer.place ?? 0;
    const queued = this.shell.engine()?.transfers.filter(({ phase }) => phase === 'queued').length ?? 0;
    for (const to of ['first', 'up'] as const) setDisabled(this.#moves[to], place === 1);
    for (const to of ['down', 'last'] as const) setDisabled(this.#moves[to], place > 0 && place >= queued);
  }

  #drawProblem(message: string | undefined): void {
    setText(this.#problem, message ?? '');
    this.#problem.hidden = message === undefined;
  }

  /** When the button that was pressed goes away its neighbour takes the focus, so the keyboard stays here. */
  #show(element: HTMLElement, isShown: boolean): void {
    if (!isShown && element.contains(document.activeElement))
      queueMicrotask(() => {
        const next = ACTIONS.map((action) => this.#buttons[action]).find(({ hidden }) => !hidden);
        (next ?? this.#title).focus();
      });
    element.hidden = !isShown;
  }

  #makeButtons(): Readonly<Record<Action, HTMLElement>> {
    const { text } = this.shell.words;
    const { id } = this.place;
    const post = this.shell.post;
    return {
      // What has begun goes on from there; what has not is asked for anew.
      retry: button({
        label: text('retry'),
        icon: 'refresh',
        look: 'primary',
        onPress: () => post({ type: (this.#shown?.details?.chunks ?? 0) > 0 ? 'resume' : 'download', id }),
      }),
      resume: button({
        label: text('resume'),
        icon: 'play',
        look: 'primary',
        onPress: () => post({ type: 'resume', id }),
      }),
      pause: button({ label: text('pause'), icon: 'pause', onPress: () => post({ type: 'pause', id }) }),
      cancel: button({ label: text('cancel'), icon: 'close', onPress: () => post({ type: 'cancel', id }) }),
      openSettings: button({
        label: text('openSettings'),
        onPress: () => post({ type: 'run', action: 'openSettings' }),
      }),
      openDoctor: button({
        label: text('openDoctor'),
        onPress: () => post({ type: 'open', page: { page: 'doctor' } }),
      }),
      showAdapter: button({ label: text('showAdapter'), look: 'primary', onPress: () => this.#openAdapter() }),
    };
  }

  #makeMoves(): Readonly<Record<QueueMove, HTMLElement>> {
    const { id } = this.place;
    const make = (to: QueueMove): HTMLElement =>
      button({
        label: this.shell.words.text(MOVES[to]),
        icon: to,
        look: 'icon',
        onPress: () => {
          if (this.#moves[to].getAttribute('aria-disabled') !== 'true')
            this.shell.post({ type: 'moveDownload', id, to });
        },
      });
    return { first: make('first'), up: make('up'), down: make('down'), last: make('last') };
  }

  #openAdapter(): void {
    this.shell.post({ type: 'open', page: { page: 'adapter', id: this.place.id } });
  }
}
