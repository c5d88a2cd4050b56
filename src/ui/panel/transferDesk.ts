import { hasCode, isAbort } from '../../engine/errors';
import type { EngineState, TransferDetails } from '../../engine/state';
import type { ToPanel } from '../../shared/panelProtocol';
import {
  FULL_CELL,
  type TransferEnd,
  type TransferIntent,
  type TransferPlace,
  type TransferShown,
} from '../../shared/transferProtocol';
import type { EngineHandle } from '../engineHandle';
import { plainTransferDetails } from './transferText';

/** While bytes move: four times a second, as every state. */
const QUICK_MS = 250;
/** While nothing moves by itself. The engine's state says sooner when something does. */
const SLOW_MS = 1_000;

export interface TransferDeskParts {
  readonly engine: Pick<EngineHandle, 'wish' | 'state' | 'onDidChangeState'>;
  readonly post: (message: ToPanel) => void;
  /** One sentence for the user; the log gets the rest. */
  readonly explain: (error: unknown) => string;
  /** Names the editor tab after the adapter, as soon as its name is known. */
  readonly name: (name: string, id: string) => void;
}

/** Follows one transfer for the page that shows it. Nothing is asked of the engine while nobody looks. */
export class TransferDesk {
  constructor(private readonly parts: TransferDeskParts) {}

  /** Until `signal` says that the page is left. An ask begins 250 ms after the last answer at the soonest. */
  async follow(place: TransferPlace, signal: AbortSignal): Promise<void> {
    let last: TransferShown | undefined;
    while (!signal.aborted) {
      const seen = outline(this.parts.engine.state, place);
      const shown = await this.#read(place, last, signal);
      // Aborted meanwhile is nothing that the type checker could know.
      if (isOver(signal)) return;
      if (shown) {
        last = shown;
        if (shown.details) this.parts.name(shown.details.transfer.name, place.id);
        this.parts.post({ type: 'transfer', shown });
      }
      await this.#rest(QUICK_MS, signal, () => false);
      const more = restOf(shown);
      if (more > 0) await this.#rest(more, signal, (state) => outline(state, place) !== seen);
    }
  }

  async move({ id, to }: TransferIntent): Promise<void> {
    try {
      await this.parts.engine.wish('moveDownload', { id, to });
    } catch (error) {
      if (!isAbort(error)) this.parts.post({ type: 'problem', message: this.parts.explain(error) });
    }
  }

  /** @returns Nothing while the last state of the engine is older than its answer. */
  async #read(
    { id, direction }: TransferPlace,
    last: TransferShown | undefined,
    signal: AbortSignal,
  ): Promise<TransferShown | undefined> {
    try {
      const details = await this.parts.engine.wish('transfer', { id, direction }, { signal });
      return { id, direction, details: plainTransferDetails(details) };
    } catch (error) {
      if (isOver(signal)) return undefined;
      const known = last?.details ? { details: last.details } : {};
      // What fails again and again is written to the log once.
      if (!hasCode(error, 'ID_UNKNOWN'))
        return { id, direction, ...known, problem: last?.problem ?? this.parts.explain(error) };
      const { state } = this.parts.engine;
      if (outline(state, { id, direction }) !== '') return undefined;
      const end = endOf(state, id, direction);
      return { id, direction, ...(last?.details && { details: ended(last.details, end) }), end };
    }
  }

  #rest(ms: number, signal: AbortSignal, isNews: (state: EngineState) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        listening.dispose();
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const listening = this.parts.engine.onDidChangeState((state) => {
        if (isNews(state)) wake();
      });
      const timer = ms === Infinity ? undefined : setTimeout(wake, ms);
      signal.addEventListener('abort', wake, { once: true });
      if (signal.aborted || isNews(this.parts.engine.state)) wake();
    });
  }
}

const isOver = (signal: AbortSignal): boolean => signal.aborted;

/** How long to wait on top of the shortest pause. What has ended says nothing new until the state does. */
function restOf(shown: TransferShown | undefined): number {
  if (shown?.end) return Infinity;
  if (shown?.problem !== undefined) return SLOW_MS;
  const phase = shown?.details?.transfer.phase;
  return phase === 'running' || phase === 'verifying' ? 0 : SLOW_MS - QUICK_MS;
}

/** What the engine's state says of one transfer, without what moves; empty when it says nothing. */
function outline(state: EngineState, { id, direction }: Pick<TransferPlace, 'id' | 'direction'>): string {
  const transfer = state.transfers.find((one) => one.id === id && one.direction === direction);
  if (!transfer || transfer.phase === 'done' || transfer.phase === 'cancelled') return '';
  return JSON.stringify([transfer.phase, transfer.place, transfer.peers, transfer.problem?.code]);
}

function endOf({ library, shared }: EngineState, id: string, direction: TransferPlace['direction']): TransferEnd {
  const isShared = shared.some((adapter) => adapter.id === id);
  if (direction === 'upload') return isShared || library.some((adapter) => adapter.id === id) ? 'idle' : 'gone';
  return isShared || library.some((adapter) => adapter.id === id) ? 'here' : 'gone';
}

/** The last that was seen of it, brought to its end: nobody gives any more, and all is here or nothing is kept. */
function ended(details: TransferDetails, end: TransferEnd): TransferDetails {
  const { secondsLeft: _left, place: _place, peers: _peers, problem: _problem, ...transfer } = details.transfer;
  const isHere = end === 'here';
  return {
    ...details,
    transfer: {
      ...transfer,
      phase: isHere ? 'done' : end === 'gone' ? 'cancelled' : transfer.phase,
      rate: 0,
      sources: 0,
      ...(isHere ? { bytesDone: transfer.bytesTotal } : {}),
    },
    held: isHere ? details.held.map(() => FULL_CELL) : details.held,
    asked: details.asked.map(() => 0),
    peers: details.peers.map((peer) => ({ ...peer, rate: 0, phase: 'idle' })),
  };
}
