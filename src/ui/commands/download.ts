import type { Settings } from '../../engine/settings';
import type { VerdictState } from '../../engine/state';
import type { AdapterEntry, GetResult } from '../../engine/wishes';
import { engineText } from '../engineText';
import { countOf, formatBytes, formatRate, joinKnown, offerFacts, shortFacts } from '../facts';
import { t } from '../l10n';
import { showDone, showError } from '../notify';
import type { UiParts } from '../parts';
import { withProgress } from '../progress';
import { userValue } from '../settingsSync';
import { askPick, BACK } from '../steps';
import { parseTargets, type Target } from '../targets';
import { adapterName, peerText } from '../text';
import { searchAdapters } from './catalogPick';
import { downloadChoices, verdictTitle } from './downloadChoices';
import { installAdapter, sayInstalled } from './install';
import { isPlain } from './installPlan';
import type { Handler } from './register';
import { alone } from './rooms';

type AdapterTarget = Extract<Target, { kind: 'adapter' }>;

export function downloadCommands(parts: UiParts): Record<string, Handler> {
  return {
    async download(clicked, selected) {
      const targets = parseTargets(clicked, selected).filter((target) => target.kind === 'adapter');
      if (targets.length > 1) return downloadMany(parts, targets);
      const target = targets[0] ?? (await searchAdapters(parts, t('Download Adapter')));
      return target && downloadOne(parts, target);
    },
  };
}

/** The verdict first, then the bytes, then the model. */
async function downloadOne(parts: UiParts, target: AdapterTarget): Promise<GetResult | undefined> {
  const entry = await parts.engine.wish('adapter', { id: target.id });
  const verdict = await parts.engine.wish('verdict', { target: target.id });
  const name = adapterName(entry.name, target.id);
  const title = joinKnown([name, shortFacts(entry)]);
  const choice = await askPick(alone(title), {
    items: downloadChoices(verdict, installPolicy()),
    placeholder: verdictTitle(verdict),
  });
  if (choice === undefined || choice === BACK) return undefined;
  if (choice[0]?.install !== true) return sayDownloaded(parts, target, name, await fetchAdapter(parts, target, name));
  if (await installsPlainly(parts, target, verdict)) {
    const result = await fetchAdapter(parts, target, name, verdict);
    if (result.install) sayInstalled(parts, target.id, name, result.install);
    return result;
  }
  // Something is to be agreed to, ticked or replaced, so the questions of an install come once the files are here.
  const result = await fetchAdapter(parts, target, name);
  const install = await installAdapter(parts, target.id, name);
  return install ? { ...result, install, model: install.model } : result;
}

/** Whether an install has nothing to ask. What can't be told before the download is asked after it. */
async function installsPlainly(parts: UiParts, target: AdapterTarget, verdict: VerdictState): Promise<boolean> {
  const base = verdict.base === undefined ? {} : { base: verdict.base };
  try {
    return isPlain(await parts.engine.wish('planInstall', { target: target.id, ...base }));
  } catch (error) {
    parts.log.debug(`No plan before the download: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

async function fetchAdapter(
  parts: UiParts,
  target: AdapterTarget,
  name: string,
  over?: VerdictState,
): Promise<GetResult> {
  return withProgress(t('Downloading {0}', name), (options) =>
    parts.engine.wish(
      'get',
      {
        target: target.id,
        install: over !== undefined,
        ...(target.room === undefined ? {} : { room: target.room }),
        ...(over?.base === undefined ? {} : { base: over.base }),
      },
      options,
    ),
  );
}

function sayDownloaded(parts: UiParts, target: AdapterTarget, name: string, result: GetResult): GetResult {
  const rate = result.seconds > 0 ? formatRate(result.bytes / result.seconds) : undefined;
  const facts = joinKnown([formatBytes(result.bytes), rate]);
  const install =
    installPolicy() === 'never' ? {} : { [t('Install in Ollama…')]: () => installLater(parts, target, name) };
  void showDone(parts.log, t('{0} was downloaded and verified ({1}).', name, facts), {
    ...install,
    [t('Show')]: () => parts.openPage({ page: 'adapter', id: target.id }),
  });
  return result;
}

async function installLater(parts: UiParts, target: AdapterTarget, name: string): Promise<void> {
  // Runs from a button of a notification, where no command reports for it.
  await installAdapter(parts, target.id, name).catch((error: unknown) => showError(error, parts.log));
}

/** Several at once: all verdicts in one list, nothing that does not fit is preselected. */
async function downloadMany(parts: UiParts, targets: readonly AdapterTarget[]): Promise<GetResult[]> {
  const entries = await Promise.all(targets.map(({ id }) => parts.engine.wish('adapter', { id })));
  const items = entries.map((entry, index) => manyItem(entry, targets[index]!));
  const chosen = items.filter(({ verdict }) => verdict !== 'unfit');
  const title = countOf(targets.length, t('Download 1 adapter'), t('Download {0} adapters'));
  const picked = await askPick(alone(title), { items, placeholder: t('Choose adapters'), isMany: true, chosen });
  if (picked === undefined || picked === BACK) return [];

  const results = await Promise.allSettled(
    picked.map(async ({ target, entry }) => {
      const name = adapterName(entry.name, entry.id);
      return sayDownloaded(parts, target, name, await fetchAdapter(parts, target, name));
    }),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) void showError(failed.reason, parts.log); // One message; Transfers shows each with its reason.
  return results.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
}

function manyItem(entry: AdapterEntry, target: AdapterTarget) {
  return {
    label: peerText(entry.name),
    description: offerFacts(entry),
    detail: engineText(entry.verdict?.reason, 200),
    verdict: entry.verdict?.verdict,
    entry,
    target,
  };
}

function installPolicy(): Settings['ollama.installAfterDownload'] {
  const value = userValue('ollama.installAfterDownload');
  return value === 'always' || value === 'never' ? value : 'ask';
}
