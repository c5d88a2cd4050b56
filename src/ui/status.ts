import type { EngineState } from '../engine/state';
import { countOf, countPeers, formatRate, joinKnown } from './facts';
import { formatNumber, t } from './l10n';
import { countInRoom, roomLook } from './roomWords';
import { peerText } from './text';
import { openTransfers } from './views/transferBranches';
import { waitWords } from './waitWords';

/** What the status bar shows, as plain data. */
export interface Status {
  /** With codicons; nothing of a peer is in it. */
  readonly text: string;
  /** Plain lines. */
  readonly tooltip: string;
  readonly spoken: string;
  readonly isWarning: boolean;
  /** Joined, connected, and still alone: the tooltip then links to the doctor. */
  readonly isAlone: boolean;
}

export function statusOf(state: EngineState): Status {
  const peers = state.peers.length;
  const rooms = state.rooms.filter(({ ended }) => !ended);
  const joined = rooms.length > 0;
  const isOff = joined && (!state.network.isOnline || rooms.every((room) => room.phase === 'offline'));
  const running = openTransfers(state).filter(({ phase }) => phase === 'running' || phase === 'verifying');
  const down = sumOfRates(running, 'download');
  const up = sumOfRates(running, 'upload');
  const spoken = isOff ? t('LoRA Swarm is offline') : countPeers(peers);
  return {
    text: isOff
      ? `$(circle-slash) ${t('offline')}`
      : running.length > 0
        ? busyText(peers, down, up)
        : `$(broadcast) ${String(peers)}`,
    tooltip: tooltipOf(state, running.length > 0 ? { down, up } : undefined),
    spoken: running.length > 0 ? joinKnown([spoken, ratesText(down, up)], ', ') : spoken,
    isWarning: isOff,
    isAlone: joined && peers === 0,
  };
}

function busyText(peers: number, down: number, up: number): string {
  const rates = [down > 0 ? `↓${inMegabytes(down)}` : '', up > 0 ? `↑${inMegabytes(up)}` : ''].filter(Boolean);
  return `$(sync~spin) ${String(peers)}${rates.length > 0 ? ` ${rates.join(' ')} MB/s` : ''}`;
}

function tooltipOf(state: EngineState, rates: { down: number; up: number } | undefined): string {
  const rooms = state.rooms.map((room) => `${roomLook(room).label}: ${countInRoom(room)}`);
  return [
    'LoRA Swarm',
    ...(rooms.length > 0 ? rooms : [t('No room joined')]),
    ...(rates ? [ratesText(rates.down, rates.up)] : []),
    ...standing(state),
    ...(state.ollama ? [ollamaText(state.ollama)] : []),
  ].join('\n');
}

/** How many downloads stand still, by reason. Those that the user paused need no word. */
function standing(state: EngineState): string[] {
  const downloads = openTransfers(state).filter(({ direction }) => direction === 'download');
  const waiting = downloads.filter(({ phase }) => phase === 'waiting');
  const queued = downloads.filter(({ phase }) => phase === 'queued');
  const held = downloads.find(({ phase, problem }) => phase === 'paused' && problem);
  return [
    ...(waiting.length === 1 ? waiting.map(waitWords) : []),
    ...(waiting.length > 1 ? [t('{0} downloads wait for a source', waiting.length)] : []),
    ...(queued.length > 0
      ? [countOf(queued.length, t('1 download in the queue'), t('{0} downloads in the queue'))]
      : []),
    ...(held ? [waitWords(held)] : []),
  ];
}

function ollamaText(ollama: NonNullable<EngineState['ollama']>): string {
  if (!ollama.isReachable) return t('Ollama does not answer');
  const route = ollama.route === undefined ? undefined : t('installs by {0}', peerText(ollama.route));
  return joinKnown([`Ollama ${peerText(ollama.version)}`.trim(), route]);
}

function ratesText(down: number, up: number): string {
  return joinKnown([
    down > 0 ? t('{0} down', formatRate(down)) : undefined,
    up > 0 ? t('{0} up', formatRate(up)) : undefined,
  ]);
}

function sumOfRates(transfers: EngineState['transfers'], direction: 'download' | 'upload'): number {
  return transfers.filter((one) => one.direction === direction).reduce((sum, { rate }) => sum + rate, 0);
}

/** Whole megabytes from 10 on: the item should not dance. */
function inMegabytes(rate: number): string {
  return formatNumber(rate / 1e6, rate < 1e7 ? 1 : 0);
}
