import * as vscode from 'vscode';
import type { WishOptions, WishProgress } from '../engine/wishes';
import { engineText } from './engineText';
import { countSources, formatBytes, formatRate, joinKnown, percentOf } from './facts';
import { t } from './l10n';
import { waitWords } from './waitWords';

/** Runs one wish under a notification that can be cancelled. Only for what the user started. */
export function withProgress<T>(title: string, run: (options: Required<WishOptions>) => Promise<T>): Promise<T> {
  return Promise.resolve(
    vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title, cancellable: true },
      async (progress, token) => {
        const abort = new AbortController();
        const listening = token.onCancellationRequested(() => abort.abort());
        let shown = 0;
        try {
          return await run({
            signal: abort.signal,
            onProgress(step) {
              const percent = stepPercent(step);
              // A bar counts up only; `increment` is relative to the last one.
              const increment = percent === undefined ? {} : { increment: Math.max(0, percent - shown) };
              shown = Math.max(shown, percent ?? 0);
              progress.report({ message: stepMessage(step), ...increment });
            },
          });
        } finally {
          listening.dispose();
        }
      },
    ),
  );
}

function stepPercent(step: WishProgress): number | undefined {
  return 'bytesTotal' in step ? percentOf(step.bytesDone, step.bytesTotal) : undefined;
}

function stepMessage(step: WishProgress): string {
  switch (step.kind) {
    case 'hash':
    case 'merge':
      return t('{0} of {1}', formatBytes(step.bytesDone), formatBytes(step.bytesTotal));
    case 'transfer':
      return joinKnown([
        t('{0} %', percentOf(step.bytesDone, step.bytesTotal)),
        formatRate(step.rate),
        countSources(step.sources),
      ]);
    case 'find':
      return step.message === '' ? '' : t('looking for a source');
    case 'wait':
      return waitWords(step);
    case 'install':
      return engineText(step.message);
    case 'compare':
      return '';
  }
}
