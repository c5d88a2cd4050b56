import type { Settings } from '../../engine/settings';
import type { VerdictState } from '../../engine/state';
import { engineText } from '../engineText';
import { t } from '../l10n';
import { peerText } from '../text';

/** One way to go on after the verdict. */
export interface DownloadChoice {
  readonly label: string;
  readonly detail: string;
  readonly install: boolean;
}

/** `fits` in words that stand alone, with the base they are about. */
export function verdictTitle(verdict: VerdictState): string {
  const base = peerText(verdict.base);
  switch (verdict.verdict) {
    case 'exact':
      return t('Fits {0}: it was made for this base', base);
    case 'same-shape':
      return t('May fit {0}: same shape, lineage unknown', base);
    case 'base-missing':
      return t('Its base model is not here');
    case 'unfit':
      return t('Does not fit any base model that is here');
  }
}

/**
 * What the user may do with this verdict. The first is what Enter takes.
 *
 * @param policy `ollama.installAfterDownload`: `ask` offers both ways, the others only their own.
 */
export function downloadChoices(
  verdict: VerdictState,
  policy: Settings['ollama.installAfterDownload'],
): DownloadChoice[] {
  const detail = engineText(verdict.reason, 200);
  const runsHere = verdict.base !== undefined && (verdict.verdict === 'exact' || verdict.verdict === 'same-shape');
  const install = {
    label: `$(desktop-download) ${t('Download and install in Ollama over {0}', peerText(verdict.base))}`,
    detail,
    install: true,
  };
  const only = {
    label: `$(cloud-download) ${verdict.verdict === 'unfit' ? t('Download anyway') : t('Download only')}`,
    detail: runsHere && policy === 'ask' ? t('It can be installed later.') : detail,
    install: false,
  };
  if (!runsHere || policy === 'never') return [only];
  return policy === 'always' ? [install] : [install, only];
}
