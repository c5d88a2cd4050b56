import { t } from '../l10n';
import type { UiParts } from '../parts';
import { askPick, BACK } from '../steps';
import { parseTargets } from '../targets';
import { isModelName } from '../../shared/panelFields';
import { peerText } from '../text';
import type { Handler } from './register';
import { alone } from './rooms';

export function compareCommands(parts: UiParts): Record<string, Handler> {
  return { compare: (clicked) => compare(parts, clicked) };
}

/** Opens the page with the model of what was clicked; the page finds its base. */
async function compare(parts: UiParts, clicked: unknown): Promise<void> {
  const [target] = parseTargets(clicked);
  const models =
    target?.kind === 'model'
      ? [target.name]
      : (parts.engine.state.library.find(({ id }) => target?.kind === 'adapter' && target.id === id)?.models ?? []);
  const model = models.length > 1 ? await pickModel(models) : models[0];
  if (models.length > 1 && model === undefined) return; // The user left.
  parts.openPage({ page: 'compare', ...(model !== undefined && isModelName(model) ? { model } : {}) });
}

async function pickModel(models: readonly string[]): Promise<string | undefined> {
  const items = models.map((name) => ({ label: peerText(name), name }));
  const picked = await askPick(alone(t('Compare with Base')), { items, placeholder: t('Choose a model') });
  return picked === undefined || picked === BACK ? undefined : picked[0]?.name;
}
