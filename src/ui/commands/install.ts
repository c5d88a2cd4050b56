import { LoraSwarmError } from '../../engine/errors';
import type { VerdictState } from '../../engine/state';
import type { InstallResult } from '../../engine/deployWishes';
import type { LocalModel } from '../../engine/wishes';
import { formatBytes, joinKnown } from '../facts';
import { t } from '../l10n';
import { showDone } from '../notify';
import type { UiParts } from '../parts';
import { withProgress } from '../progress';
import { askPick, BACK } from '../steps';
import { parseTargets } from '../targets';
import { adapterName, isModelName, peerText } from '../text';
import { openChat } from './chat';
import { verdictTitle } from './downloadChoices';
import { pickHere } from './pickAdapter';
import { pickAdapterFile } from './pickFile';
import type { Handler } from './register';
import { alone } from './rooms';

export function installCommands(parts: UiParts): Record<string, Handler> {
  return {
    async install(clicked) {
      const [target] = parseTargets(clicked);
      const title = t('Install in Ollama');
      const path = target?.kind === 'path' ? target.path : undefined;
      const id = target?.kind === 'adapter' ? target.id : undefined;
      const asked = path ?? id ?? (await pickHere(parts, title)) ?? (await pickAdapterFile(parts, title));
      if (asked === undefined) return undefined;
      return installAdapter(parts, asked, nameOf(parts, asked));
    },
    uninstall: (clicked) => uninstall(parts, clicked),
  };
}

/** Makes a model of an adapter: the user picks the base, the engine the route. @param target Content id or path. */
export async function installAdapter(parts: UiParts, target: string, name: string): Promise<InstallResult | undefined> {
  const verdict = await parts.engine.wish('verdict', { target });
  const { models } = await parts.engine.wish('models', {});
  const items = baseItems(verdict, models);
  if (items.length === 0)
    throw new LoraSwarmError('BASE_MISSING', t('Ollama has no base model yet. Pull the one the adapter was made for.'));
  const picked = await askPick(alone(t('Install {0} in Ollama', name)), {
    items,
    placeholder: joinKnown([verdictTitle(verdict), peerText(verdict.reason, 120)]),
  });
  if (picked === undefined || picked === BACK) return undefined;
  const base = picked[0]!.base;

  const result = await withProgress(t('Installing {0}', name), (options) =>
    parts.engine.wish('install', { target, base }, options),
  );
  sayInstalled(parts, target, name, result);
  return result;
}

/** The base of the verdict first, then every other model that is no adapter itself. */
export function baseItems(verdict: VerdictState, models: readonly LocalModel[]) {
  const bases = models.filter(({ adapterOf, isOurs }) => adapterOf === undefined && !isOurs);
  const fitting = bases.filter(({ name }) => name === verdict.base);
  return [...fitting, ...bases.filter(({ name }) => name !== verdict.base)].map((model) => ({
    label: `$(${model.name === verdict.base ? 'pass' : 'circle-outline'}) ${peerText(model.name)}`,
    description: joinKnown([peerText(model.architecture), formatBytes(model.bytes)]),
    base: model.name,
  }));
}

/** Says under which name it runs, and loudly when it changes nothing. */
export function sayInstalled(parts: UiParts, target: string, name: string, result: InstallResult): void {
  const model = isModelName(result.model) ? result.model : '';
  const actions = { [t('Chat')]: () => openChat(parts, model) };
  if (result.effect.checked && !result.effect.changed)
    void showDone(
      parts.log,
      t('{0} is in Ollama as {1}, but it answers exactly like its base. It may be made for another base.', name, model),
      actions,
      'warning',
    );
  else
    void showDone(parts.log, t('{0} is in Ollama as {1}.', name, model), {
      ...actions,
      ...(/^[0-9a-f]{64}$/.test(target) ? { [t('Show')]: () => parts.openPage({ page: 'adapter', id: target }) } : {}),
    });
}

async function uninstall(parts: UiParts, clicked: unknown): Promise<void> {
  const [target] = parseTargets(clicked);
  const { models } = await parts.engine.wish('models', {});
  const ours = models.filter(({ isOurs }) => isOurs);
  const made = target?.kind === 'adapter' ? modelsOf(parts, target.id) : undefined;
  const name =
    target?.kind === 'model' ? target.name : made?.length === 1 ? made[0] : await pickModel(parts, ours, made);
  if (name === undefined) return;
  await parts.engine.wish('uninstall', { model: name });
  parts.refresh();
  void showDone(
    parts.log,
    t('{0} was removed from Ollama. The adapter is still in the library.', isModelName(name) ? name : ''),
  );
}

async function pickModel(
  parts: UiParts,
  ours: readonly LocalModel[],
  among: readonly string[] | undefined,
): Promise<string | undefined> {
  const models = ours.filter(({ name }) => !among || among.length === 0 || among.includes(name));
  if (models.length === 0) {
    void showDone(parts.log, t('LoRA Swarm has made no model in Ollama.'));
    return undefined;
  }
  const items = models.map(({ name, bytes }) => ({ label: peerText(name), description: formatBytes(bytes), name }));
  const picked = await askPick(alone(t('Uninstall Model')), { items, placeholder: t('Choose a model') });
  return picked === undefined || picked === BACK ? undefined : picked[0]?.name;
}

function modelsOf(parts: UiParts, id: string): readonly string[] {
  return parts.engine.state.library.find((adapter) => adapter.id === id)?.models ?? [];
}

function nameOf(parts: UiParts, target: string): string {
  const { shared, library } = parts.engine.state;
  const known = [...library, ...shared].find(({ id }) => id === target);
  return known ? adapterName(known.name, known.id) : t('the adapter');
}
