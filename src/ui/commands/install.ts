import * as vscode from 'vscode';
import type { InstallPlan, InstallResult } from '../../engine/deployWishes';
import type { LocalModel } from '../../engine/wishes';
import { formatBytes } from '../facts';
import { t } from '../l10n';
import { showDone, showError } from '../notify';
import type { UiParts } from '../parts';
import { withProgress } from '../progress';
import { askPick, askSteps, BACK } from '../steps';
import { suggestName } from '../suggestName';
import { isContentId, parseTargets, targetPath } from '../targets';
import { isModelName } from '../../shared/panelFields';
import { adapterName, peerText } from '../text';
import { openChat } from './chat';
import { installedWords } from './installed';
import { fits, type JudgedModel } from './installPlan';
import { adaptersOf, installRequest, type InstallDraft } from './installDraft';
import { installSteps } from './installSteps';
import { pickHere } from './pickAdapter';
import type { Handler } from './register';
import { alone } from './rooms';

export function installCommands(parts: UiParts): Record<string, Handler> {
  return {
    async install(clicked) {
      const [target] = parseTargets(clicked);
      const title = t('Install in Ollama');
      const asked =
        targetPath(target) ?? (target?.kind === 'adapter' ? target.id : undefined) ?? (await pickHere(parts, title));
      if (asked === undefined) return undefined;
      return installAdapter(parts, asked, nameOf(parts, asked));
    },
    uninstall: (clicked) => uninstall(parts, clicked),
  };
}

/**
 * Makes a model of an adapter. Verdict, ways and costs are shown before anything is made.
 *
 * @param target Content id, path, or `ollama:MODEL`.
 */
export async function installAdapter(parts: UiParts, target: string, name: string): Promise<InstallResult | undefined> {
  const questions = await looking(async () => {
    const [plan, models] = await Promise.all([
      parts.engine.wish('planInstall', { target }),
      parts.engine.wish('models', {}).then((answer) => answer.models),
    ]);
    return { plan, models, judged: await judge(parts, target, models) };
  });
  const steps = installSteps({
    ...questions,
    planFor: (adapters, base) => planFor(parts, adapters, base),
    nameOf: (one) => (one === target ? name : nameOf(parts, one)),
    pickAdapter: () => pickHere(parts, t('Another Adapter')),
    preview: parts.preview,
  });
  const start: InstallDraft = {
    plan: questions.plan,
    adapters: [{ target, weight: 1 }],
    isUpdate: false,
    as: questions.plan.model,
    extras: [],
  };
  const draft = await askSteps(t('Install {0} in Ollama', name), start, steps);
  if (!draft) return undefined;

  const result = await withProgress(t('Installing {0}', name), (options) =>
    parts.engine.wish('install', installRequest(draft), options),
  );
  parts.refresh(); // The adapter is inside a model now, which the library lists.
  sayInstalled(parts, target, name, result);
  return result;
}

/** Says under which name it runs and what was seen of its effect, and loudly when there is none. */
export function sayInstalled(parts: UiParts, target: string, name: string, result: InstallResult): void {
  const { message, severity } = installedWords(name, result);
  const { model, base } = result;
  const isNamed = isModelName(model);
  void showDone(
    parts.log,
    message,
    {
      ...(isNamed ? { [t('Chat')]: () => openChat(parts, model) } : {}),
      ...(isNamed && isModelName(base)
        ? { [t('Compare with Base')]: () => parts.openPage({ page: 'compare', base, model }) }
        : {}),
      ...(isContentId(target) ? { [t('Show')]: () => parts.openPage({ page: 'adapter', id: target }) } : {}),
    },
    severity,
  );
}

/** An adapter that does not go with the others is said and left out; the questions go on. */
async function planFor(
  parts: UiParts,
  adapters: InstallDraft['adapters'],
  base: string | undefined,
): Promise<InstallPlan | undefined> {
  const request = { ...adaptersOf({ adapters }), ...(base === undefined ? {} : { base }) };
  try {
    return await looking(() => parts.engine.wish('planInstall', request));
  } catch (error) {
    void showError(error, parts.log);
    return undefined;
  }
}

/** Every local model with its verdict. One that can't be judged fits nothing, and says why. */
async function judge(parts: UiParts, target: string, models: readonly LocalModel[]): Promise<JudgedModel[]> {
  return Promise.all(
    models
      // What we merged holds an adapter in its weights; nobody trains on that.
      .filter(({ adapterOf, isOurs }) => !isOurs || adapterOf !== undefined)
      .map(async (model) => {
        const verdict = await parts.engine
          .wish('verdict', { target, base: model.name })
          .catch((error: unknown) => ({ verdict: 'unfit' as const, reason: messageOf(error) }));
        return { model, verdict };
      }),
  ).then((judged) => judged.filter((one) => fits(one) || one.model.adapterOf === undefined));
}

/** Judging and probing take a moment, and nothing is on the screen meanwhile. */
function looking<T>(work: () => Promise<T>): Promise<T> {
  const title = t('Looking at the models in Ollama');
  return Promise.resolve(vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, work));
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

/** What an adapter is called in a title or a notification: letters that a release may have, whatever a file is called. */
export function nameOf(parts: UiParts, target: string): string {
  const { shared, library } = parts.engine.state;
  const known = [...library, ...shared].find(({ id }) => id === target);
  if (known) return adapterName(known.name, known.id);
  return isContentId(target) ? target.slice(0, 8) : suggestName(target, '');
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
