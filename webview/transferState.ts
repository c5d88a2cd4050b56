import type { TransferState } from '../src/shared/panelProtocol';
import type { TransferEnd } from '../src/shared/transferProtocol';
import type { IconName } from './icons';
import type { Words } from './words';

export interface StateLook {
  readonly icon: IconName;
  readonly text: string;
  readonly tone?: 'good' | 'fair' | 'bad';
}

/** The state of a transfer in words, with the figure that matters in it. */
export function stateLook(words: Words, transfer: TransferState, end?: TransferEnd): StateLook {
  if (end) return endLook(words, end);
  switch (transfer.phase) {
    case 'queued':
      return {
        icon: 'clock',
        text:
          transfer.place === undefined
            ? words.text('phaseQueued')
            : words.text('queuedAt', words.ordinal(transfer.place)),
      };
    case 'waiting':
      return { icon: 'clock', tone: 'fair', text: waitingText(words, transfer) };
    case 'running':
      return runningLook(words, transfer);
    case 'verifying':
      return { icon: 'search', text: words.text('phaseVerifying') };
    case 'paused':
      return { icon: 'pause', text: words.text('phasePaused') };
    case 'failed':
      return { icon: 'error', tone: 'bad', text: words.text('phaseFailed') };
    case 'done':
      return endLook(words, 'here');
    case 'cancelled':
      return endLook(words, 'gone');
  }
}

export function endLook(words: Words, end: TransferEnd): StateLook {
  switch (end) {
    case 'here':
      return { icon: 'pass', tone: 'good', text: words.text('transferHere') };
    case 'idle':
      return { icon: 'rooms', text: words.text('transferIdle') };
    case 'gone':
      return { icon: 'circle', text: words.text('transferGone') };
  }
}

function runningLook(words: Words, { direction, sources }: TransferState): StateLook {
  if (direction === 'upload') return { icon: 'upload', text: words.count('toPeers', sources) };
  const text = sources > 0 ? words.count('fromSources', sources) : words.text('phaseRunning');
  return { icon: 'download', text };
}

function waitingText(words: Words, { peers = 0 }: TransferState): string {
  return peers > 0 ? words.count('waitingForSources', peers) : words.text('waitingForAnybody');
}
