import type { TransferState } from '../engine/state';
import { engineText } from './engineText';
import { countOf } from './facts';
import { formatOrdinal, t } from './l10n';

type Waiting = Pick<TransferState, 'phase' | 'place' | 'peers' | 'problem'>;

/** Why a transfer stands still, in a few words. Empty when it does not. */
export function waitWords({ phase, place, peers, problem }: Waiting): string {
  switch (phase) {
    case 'queued':
      return place === undefined ? t('in the queue') : t('in the queue · {0}', formatOrdinal(place));
    case 'waiting':
      if (problem) return engineText(problem.message, 120);
      if (!peers) return t('waiting for a source');
      return countOf(peers, t('waiting for 1 source'), t('waiting for {0} sources'));
    case 'paused':
      return problem ? heldWords(problem) : t('paused');
    case 'failed':
      return engineText(problem?.message, 120) || t('failed');
    default:
      return '';
  }
}

/** What was not paused by the user. The whole sentence, with figures, is in the tooltip. */
function heldWords({ code, message }: NonNullable<TransferState['problem']>): string {
  switch (code) {
    case 'NETWORK_METERED':
      return t('paused: metered network');
    case 'STORE_FULL':
      return t('paused: the disk is full');
    default:
      return engineText(message, 120);
  }
}
