import type { TransferState } from '../src/shared/panelProtocol';
import { QUEUE_MOVES, type QueueMove, type TransferPlace, type TransferShown } from '../src/shared/transferProtocol';
import { button, setDisabled } from './components';
import { el } from './dom';
import type { Shell } from './page';

const ACTIONS = ['retry', 'resume', 'pause', 'cancel', 'openSettings', 'openDoctor', 'showAdapter'] as const;
type Action = (typeof ACTIONS)[number];

const PAUSABLE: readonly TransferState['phase'][] = ['queued', 'waiting', 'running', 'verifying'];
const MOVES = { first: 'moveFirst', up: 'moveUp', down: 'moveDown', last: 'moveLast' } as const;

/** The buttons of a transfer: what can be done in its state, and nothing else. */
export class TransferActions {
  readonly element: HTMLElement;
  readonly #buttons: Readonly<Record<Action, HTMLElement>>;
  readonly #moves: Readonly<Record<QueueMove, HTMLElement>>;
  readonly #queue: HTMLElement;
  #shown: TransferShown | undefined;

  /** @param focusElsewhere When no button is left that could take the focus. */
  constructor(
    private readonly shell: Shell,
    private readonly place: TransferPlace,
    private readonly focusElsewhere: () => void,
  ) {
    this.#buttons = this.#makeButtons();
    this.#moves = this.#makeMoves();
    this.#queue = el(
      'div',
      { class: 'moves', role: 'group', 'aria-label': shell.words.text('moveInQueue') },
      ...QUEUE_MOVES.map((to) => this.#moves[to]),
    );
    this.element = el('div', { class: 'actions' }, ...ACTIONS.map((action) => this.#buttons[action]), this.#queue);
  }

  draw(shown: TransferShown): void {
    this.#shown = shown;
    const { details, end, problem, direction } = shown;
    const isUpload = direction === 'upload';
    const phase = end || isUpload ? undefined : details?.transfer.phase;
    const code = end ? undefined : details?.transfer.problem?.code;
    const isThere: Readonly<Record<Action, boolean>> = {
      retry: phase === 'failed',
      // On such a network it would only be paused again.
      resume: phase === 'paused' && code !== 'NETWORK_METERED',
      pause: phase !== undefined && PAUSABLE.includes(phase),
      cancel: phase !== undefined && phase !== 'done' && phase !== 'cancelled',
      openSettings: code === 'STORE_FULL' || code === 'NETWORK_METERED',
      openDoctor: code === 'NO_SOURCES' || (phase === 'waiting' && (details?.transfer.peers ?? 0) === 0),
      showAdapter: end !== undefined || problem !== undefined,
    };
    for (const action of ACTIONS) this.#show(this.#buttons[action], isThere[action]);
    this.element.hidden = isUpload && !isThere.showAdapter;
    this.drawMoves();
  }

  /** How long the queue is comes with the state of the engine. */
  drawMoves(): void {
    if (!this.#shown) return;
    const { details, end, direction } = this.#shown;
    const isQueued = !end && direction === 'download' && details?.transfer.phase === 'queued';
    this.#show(this.#queue, isQueued);
    if (!isQueued) return;
    const place = details.transfer.place ?? 0;
    const queued = this.shell.engine()?.transfers.filter(({ phase }) => phase === 'queued').length ?? 0;
    for (const to of ['first', 'up'] as const) setDisabled(this.#moves[to], place === 1);
    for (const to of ['down', 'last'] as const) setDisabled(this.#moves[to], place > 0 && place >= queued);
  }

  /** When the button that was pressed goes away its neighbour takes the focus, so the keyboard stays here. */
  #show(element: HTMLElement, isShown: boolean): void {
    if (!isShown && element.contains(document.activeElement))
      queueMicrotask(() => {
        const next = ACTIONS.map((action) => this.#buttons[action]).find(({ hidden }) => !hidden);
        if (next) next.focus();
        else this.focusElsewhere();
      });
    element.hidden = !isShown;
  }

  #makeButtons(): Readonly<Record<Action, HTMLElement>> {
    const { post, words } = this.shell;
    const { text } = words;
    const { id } = this.place;
    const page = { page: 'adapter', id } as const;
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
      showAdapter: button({
        label: text('showAdapter'),
        look: 'primary',
        onPress: () => post({ type: 'open', page }),
      }),
    };
  }

  #makeMoves(): Readonly<Record<QueueMove, HTMLElement>> {
    const { post, words } = this.shell;
    const { id } = this.place;
    const make = (to: QueueMove): HTMLElement =>
      button({
        label: words.text(MOVES[to]),
        icon: to,
        look: 'icon',
        onPress: () => {
          if (this.#moves[to].getAttribute('aria-disabled') !== 'true') post({ type: 'moveDownload', id, to });
        },
      });
    return { first: make('first'), up: make('up'), down: make('down'), last: make('last') };
  }
}
