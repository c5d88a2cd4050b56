import type { TransferPhase } from '../../engine/state';
import { countOf, formatBytes, joinKnown, percentOf } from '../facts';
import { t } from '../l10n';
import { confirm, showDone } from '../notify';
import type { UiParts } from '../parts';
import { askPick, BACK } from '../steps';
import { parseTargets } from '../targets';
import { peerText } from '../text';
import { MOVING, openTransfers, STANDING } from '../views/transferBranches';
import { waitWords } from '../waitWords';
import { pickDownloaded } from './pickAdapter';
import type { Handler } from './register';
import { alone } from './rooms';

export function transferCommands(parts: UiParts): Record<string, Handler> {
  const forEach =
    (wish: 'pause' | 'resume' | 'cancel', title: string, phases: readonly TransferPhase[]): Handler =>
    async (clicked, selected) => {
      for (const id of await transferIds(parts, clicked, selected, title, phases))
        await parts.engine.wish(wish, { id });
    };
  return {
    pause: forEach('pause', t('Pause'), MOVING),
    resume: forEach('resume', t('Resume'), STANDING),
    cancel: forEach('cancel', t('Cancel'), [...MOVING, ...STANDING]),
    moveDownload: (clicked) => moveDownload(parts, clicked),
    forget: (clicked, selected) => forget(parts, clicked, selected),
  };
}

/** Asks where to: one question for four places keeps the menu of a row short. */
async function moveDownload(parts: UiParts, clicked: unknown): Promise<void> {
  const title = t('Place in the queue');
  const id = adapterIds(clicked, undefined)[0] ?? (await pickQueued(parts, title));
  if (id === undefined) return;
  const items = [
    { label: `$(arrow-up) ${t('Download First')}`, to: 'first' },
    { label: `$(chevron-up) ${t('Download Earlier')}`, to: 'up' },
    { label: `$(chevron-down) ${t('Download Later')}`, to: 'down' },
    { label: `$(arrow-down) ${t('Download Last')}`, to: 'last' },
  ] as const;
  const picked = await askPick(alone(title), { items, placeholder: placeNow(parts, id) });
  if (picked === undefined || picked === BACK || !picked[0]) return;
  await parts.engine.wish('moveDownload', { id, to: picked[0].to });
}

function placeNow(parts: UiParts, id: string): string {
  const transfer = openTransfers(parts.engine.state).find((one) => one.id === id && one.direction === 'download');
  return transfer ? joinKnown([peerText(transfer.name), waitWords(transfer)]) : t('Place in the queue');
}

async function pickQueued(parts: UiParts, title: string): Promise<string | undefined> {
  const [id] = await pickDownloads(parts, title, ['queued'], false);
  return id;
}

async function transferIds(
  parts: UiParts,
  clicked: unknown,
  selected: unknown,
  title: string,
  phases: readonly TransferPhase[],
): Promise<string[]> {
  const ids = adapterIds(clicked, selected);
  return ids.length > 0 ? ids : pickDownloads(parts, title, phases, true);
}

async function pickDownloads(
  parts: UiParts,
  title: string,
  phases: readonly TransferPhase[],
  isMany: boolean,
): Promise<string[]> {
  const downloads = openTransfers(parts.engine.state).filter(
    ({ direction, phase }) => direction === 'download' && phases.includes(phase),
  );
  if (downloads.length === 0) {
    void showDone(parts.log, t('There is no such download.'));
    return [];
  }
  const items = downloads.map((transfer) => ({
    label: `$(arrow-down) ${peerText(transfer.name)}`,
    description: joinKnown([
      t('{0} %', percentOf(transfer.bytesDone, transfer.bytesTotal)),
      formatBytes(transfer.bytesTotal),
      waitWords(transfer),
    ]),
    id: transfer.id,
  }));
  const picked = await askPick(alone(title), { items, placeholder: t('Choose downloads'), isMany });
  return picked === undefined || picked === BACK ? [] : picked.map(({ id }) => id);
}

async function forget(parts: UiParts, clicked: unknown, selected: unknown): Promise<void> {
  const clickedIds = adapterIds(clicked, selected);
  const ids = clickedIds.length > 0 ? clickedIds : await pickDownloaded(parts, t('Forget'));
  if (ids.length === 0) return;
  const isSure = await confirm(
    countOf(ids.length, t('Delete the files of 1 adapter?'), t('Delete the files of {0} adapters?')),
    t('They can only be downloaded again while somebody shares them. Models in Ollama stay.'),
    t('Delete'),
  );
  if (!isSure) return;
  let freed = 0;
  for (const id of ids) freed += (await parts.engine.wish('forget', { id })).bytesFreed;
  void showDone(parts.log, t('{0} were freed.', formatBytes(freed)));
}

function adapterIds(clicked: unknown, selected: unknown): string[] {
  return parseTargets(clicked, selected)
    .filter((target) => target.kind === 'adapter')
    .map(({ id }) => id);
}
