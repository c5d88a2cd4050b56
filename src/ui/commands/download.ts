import type { Settings } from '../../engine/settings';
import type { VerdictState } from '../../engine/state';
import type { AdapterEntry, GetResult } from '../../engine/wishes';
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
  return fetchAdapter(parts, target, name, choice[0]?.install === true ? verdict : undefined);
}

async function fetchAdapter(
  parts: UiParts,
  target: AdapterTarget,
  name: string,
  over: VerdictState | undefined,
): Promise<GetResult> {
  const result = await withProgress(t('Downloading {0}', name), (options) =>
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
  if (result.install) sayInstalled(parts, target.id, name, result.install);
  else sayDownloaded(parts, target, name, result);
  return result;
}

function sayDownloaded(parts: UiParts, target: AdapterTarget, name: string, result: GetResult): void {
  const rate = result.seconds > 0 ? formatRate(result.bytes / result.seconds) : undefined;
  const facts = joinKnown([formatBytes(result.bytes), rate]);
  const install =
    installPolicy() === 'never' ? {} : { [t('Install in Ollama…')]: () => installLater(parts, target, name) };
  void showDone(parts.log, t('{0} was downloaded and verified ({1}).', name, facts), {
    ...install,
    [t('Show')]: () => parts.openPage({ page: 'adapter', id: target.id }),
  });
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
    picked.map(({ target, entry }) => fetchAdapter(parts, target, adapterName(entry.name, entry.id), undefined)),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) void showError(failed.reason, parts.log); // One message; Transfers shows each with its reason.
  return results.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
}

function manyItem(entry: AdapterEntry, target: AdapterTarget) {
  return {
    label: peerText(entry.name),
    description: offerFacts(entry),
    detail: peerText(entry.verdict?.reason, 200),
    verdict: entry.verdict?.verdict,
    entry,
    target,
  };
}

function installPolicy(): Settings['ollama.installAfterDownload'] {
  const value = userValue('ollama.installAfterDownload');
  return value === 'always' || value === 'never' ? value : 'ask';
}
