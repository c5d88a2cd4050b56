import type * as vscode from 'vscode';
import type { Inspection } from '../../engine/wishes';
import { engineText } from '../engineText';
import { countOf, formatBytes, joinKnown } from '../facts';
import { formatNumber, t } from '../l10n';
import { peerText } from '../text';

/** `r 16 · alpha 32 · 7 target modules · 24.3 MB · F16 · base meta-llama/Llama-3.2-3B`. What no file says is left out. */
export function inspectionFacts(found: Inspection): string {
  return joinKnown([
    found.rank === undefined ? undefined : t('r {0}', found.rank),
    found.alpha === undefined ? undefined : t('alpha {0}', found.alpha),
    countOf(found.targets.length, t('1 target module'), t('{0} target modules')),
    formatBytes(found.bytes),
    peerText(found.dtype),
    // The longest comes last: a quick pick cuts the end off.
    found.baseModel === undefined ? undefined : t('base {0}', peerText(found.baseModel)),
  ]);
}

/** What stands in the way, and what will be different in the shared package. */
export function inspectionNotes(found: Inspection): vscode.QuickPickItem[] {
  const problems = found.problems.map((problem) =>
    note(problem.severity === 'refuse' ? 'error' : 'warning', problem.message),
  );
  const unknown =
    found.alpha === undefined && found.problems.length === 0
      ? [note('info', t('Alpha is unknown. No file says it, and the package will say so too.'))]
      : [];
  const taken = found.privateValues.map((key) =>
    note(
      'eye-closed',
      t('{0} is taken out. It holds a path of this machine; others get the adapter without it.', peerText(key)),
    ),
  );
  return [...problems, ...unknown, ...taken];
}

/** The first sentence as the row, the others below it: rows do not wrap. */
function note(icon: string, message: string): vscode.QuickPickItem {
  const [first = '', ...others] = engineText(message, 400).split(/(?<=[.!?:;]) /);
  return { label: `$(${icon}) ${first}`, detail: others.join(' '), alwaysShow: true };
}

/** Every fact as a row of its own. */
export function inspectionRows(found: Inspection): vscode.QuickPickItem[] {
  const row = (label: string, value: string | undefined): vscode.QuickPickItem[] =>
    value === undefined || value === '' ? [] : [{ label, description: value }];
  return [
    ...row(t('Format'), joinKnown([found.format.toUpperCase(), peerText(found.dtype)])),
    ...row(t('Base model'), peerText(found.baseModel, 120)),
    ...row(t('Architecture'), peerText(found.architecture)),
    ...row(t('Rank'), found.rank?.toString()),
    ...row(t('Alpha'), found.alpha?.toString()),
    ...row(t('Scale'), found.scale === undefined ? undefined : formatNumber(found.scale, 4)),
    ...row(t('Target modules'), peerText(found.targets.join(', '), 160)),
    ...row(t('LoRA pairs'), formatNumber(found.pairs)),
    ...row(t('Parameters'), formatNumber(found.parameters)),
    ...row(t('Size'), formatBytes(found.bytes)),
    ...row(t('Licence'), peerText(found.license)),
  ];
}

/** The problem that forbids to share, convert or install it. */
export function refusal(found: Inspection): string | undefined {
  const problem = found.problems.find(({ severity }) => severity === 'refuse');
  return problem && engineText(problem.message, 300);
}
