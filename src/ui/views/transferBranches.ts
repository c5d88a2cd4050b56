import type { EngineState, TransferPhase, TransferState } from '../../engine/state';
import {
  countOf,
  countPeers,
  countSources,
  formatBytes,
  formatRate,
  formatSeconds,
  joinKnown,
  percentOf,
} from '../facts';
import { engineText } from '../engineText';
import { t } from '../l10n';
import { elementId } from '../targets';
import { peerText } from '../text';
import { waitWords } from '../waitWords';
import type { Branch } from './branch';

/** Of the selected row: these are drawn anew 4 times a second. */
const OPEN = { id: 'loraSwarm.openTransfer' } as const;

/** Phases of a download that can be paused. */
export const MOVING: readonly TransferPhase[] = ['queued', 'running', 'waiting', 'verifying'];
/** Phases of one that can go on. */
export const STANDING: readonly TransferPhase[] = ['paused', 'failed'];

/** Transfers that are going on or need the user. What is done is in the library. */
export function openTransfers(state: EngineState): TransferState[] {
  return state.transfers.filter(({ phase }) => phase !== 'done' && phase !== 'cancelled');
}

/** Downloads first, in the order in which the engine names them. */
export function transferBranches(state: EngineState): Branch[] {
  const open = openTransfers(state);
  return [
    ...open.filter(({ direction }) => direction === 'download').map(downloadBranch),
    ...open.filter(({ direction }) => direction === 'upload').map(uploadBranch),
  ];
}

function downloadBranch(transfer: TransferState): Branch {
  const { icon, color } = downloadLook(transfer);
  return {
    id: elementId.transfer('download', transfer.id),
    label: peerText(transfer.name),
    description: downloadProgress(transfer),
    icon,
    ...(color === undefined ? {} : { color }),
    // What the system holds up can't be resumed by hand; it can be paused for longer.
    context: transfer.problem?.code === 'NETWORK_METERED' ? 'down.held' : `down.${transfer.phase}`,
    tooltip: joinKnown(
      [
        peerText(transfer.name),
        t('{0} of {1}', formatBytes(transfer.bytesDone), formatBytes(transfer.bytesTotal)),
        engineText(transfer.problem?.message, 300),
      ],
      '\n',
    ),
    command: OPEN,
  };
}

function downloadLook({ phase, problem }: TransferState): { icon: string; color?: string } {
  switch (phase) {
    case 'failed':
      return { icon: 'error', color: 'list.errorForeground' };
    case 'paused':
      return problem ? { icon: 'debug-pause', color: 'list.warningForeground' } : { icon: 'debug-pause' };
    case 'queued':
      return { icon: 'list-ordered' };
    default:
      return { icon: 'arrow-down' };
  }
}

/** `62 % · 18 MB/s · 3 sources · 12 s`, or why it stands still. */
export function downloadProgress(transfer: TransferState): string {
  const percent = t('{0} %', percentOf(transfer.bytesDone, transfer.bytesTotal));
  switch (transfer.phase) {
    case 'running':
      // Those who have it serve others, or another download of ours, first.
      if (transfer.sources === 0 && transfer.rate === 0) return joinKnown([percent, askingWords(transfer)]);
      return joinKnown([
        percent,
        formatRate(transfer.rate),
        countSources(transfer.sources),
        transfer.secondsLeft === undefined ? undefined : formatSeconds(transfer.secondsLeft),
      ]);
    case 'queued':
      // One that has not begun says its place at once: a narrow side bar cuts the end off.
      return joinKnown([transfer.bytesDone > 0 ? percent : undefined, waitWords(transfer)]);
    case 'waiting':
    case 'paused':
    case 'failed':
      return joinKnown([percent, waitWords(transfer)]);
    case 'verifying':
      return joinKnown([percent, t('verifying')]);
    case 'done':
      return t('done');
    case 'cancelled':
      return t('cancelled');
  }
}

function askingWords({ peers }: TransferState): string {
  return peers ? countOf(peers, t('asking 1 source'), t('asking {0} sources')) : t('starting');
}

function uploadBranch(transfer: TransferState): Branch {
  return {
    id: elementId.transfer('upload', transfer.id),
    label: peerText(transfer.name),
    description: waitWords(transfer) || t('{0} to {1}', formatRate(transfer.rate), countPeers(transfer.sources)),
    icon: 'arrow-up',
    context: 'up.running',
    tooltip: joinKnown([peerText(transfer.name), t('{0} sent', formatBytes(transfer.bytesDone))], '\n'),
    command: OPEN,
  };
}
