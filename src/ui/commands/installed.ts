import type { InstallResult } from '../../engine/deployWishes';
import { engineText } from '../engineText';
import { formatBytes, joinKnown } from '../facts';
import { formatNumber, t } from '../l10n';
import { isModelName } from '../../shared/panelFields';

/** Some lines of a notification. */
const MAX_REASON = 300;

/** What a notification says of an install. */
export interface InstalledWords {
  readonly message: string;
  /** Loud when the model does not do what it was made for. */
  readonly severity: 'info' | 'warning';
}

/** Under which name it runs, what it cost, and whether it was seen to do anything. Nothing is claimed that was not seen. */
export function installedWords(name: string, result: InstallResult): InstalledWords {
  const model = isModelName(result.model) ? result.model : '';
  const base = isModelName(result.base) ? result.base : t('the base model');
  const { effect } = result;
  switch (effect.outcome) {
    case 'identical':
      return {
        message: joinKnown(
          [
            t('NO EFFECT: {0} is in Ollama as {1}, but it answers exactly like {2}.', name, model, base),
            cause(effect.reason),
          ],
          ' ',
        ),
        severity: 'warning',
      };
    case 'failed':
      return {
        message: joinKnown(
          [t('{0} is in Ollama as {1}, but Ollama cannot run it.', name, model), engineText(effect.reason, MAX_REASON)],
          ' ',
        ),
        severity: 'warning',
      };
    case 'changed':
      return { message: joinKnown([made(name, model, base, result), changed(result)], ' '), severity: 'info' };
    case 'not-checked':
      return {
        message: joinKnown(
          [
            made(name, model, base, result),
            t('Whether it changes anything was not checked: {0}', unchecked(effect.reason)),
          ],
          ' ',
        ),
        severity: 'info',
      };
  }
}

function made(name: string, model: string, base: string, { route, bytesOnDisk }: InstallResult): string {
  const bytes = formatBytes(bytesOnDisk);
  return route === 'merge'
    ? t('{0} is in Ollama as {1}: merged into a copy of {2} ({3}).', name, model, base, bytes)
    : t('{0} is in Ollama as {1}: an adapter on {2} ({3}).', name, model, base, bytes);
}

function changed({ effect, route }: InstallResult): string {
  // Merging may have changed the types of tensors, which moves answers, too: the engine says how much that counts.
  if (route === 'merge' && effect.reason !== '') return engineText(effect.reason, MAX_REASON);
  return effect.logprobMove === undefined
    ? t('Checked: it answers otherwise than its base.')
    : t('Checked: log-probabilities move by up to {0}.', formatNumber(effect.logprobMove, 3));
}

/** Why there is none. That there is none was said already. */
function cause(reason: string): string {
  const plain = afterColon(reason, /^The adapter (?:has|shows) NO EFFECT: /);
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** The reason begins with what the sentence before it has said already. */
function unchecked(reason: string): string {
  return afterColon(reason, /^Not checked: /) || t('no reason is known.');
}

/** Without what the reason begins with, up to a colon that it has in every language. */
function afterColon(reason: string, begin: RegExp): string {
  const plain = engineText(reason, MAX_REASON);
  return begin.test(reason) ? plain.slice(plain.indexOf(': ') + 2) : plain;
}
