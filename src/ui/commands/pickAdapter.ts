import { shortFacts } from '../facts';
import { t } from '../l10n';
import { showDone } from '../notify';
import type { UiParts } from '../parts';
import type { AdapterSummary } from '../../engine/state';
import { askPick, BACK } from '../steps';
import { peerText } from '../text';
import { pickAdapterFile } from './pickFile';
import { alone } from './rooms';

/** Asks which of these adapters. @returns Their ids, none when the user left. */
async function pickSome(
  parts: UiParts,
  adapters: readonly AdapterSummary[],
  title: string,
  nothing: string,
): Promise<string[]> {
  if (adapters.length === 0) {
    void showDone(parts.log, nothing);
    return [];
  }
  const items = adapters.map((adapter) => ({
    label: `$(layers) ${peerText(adapter.name)}`,
    description: shortFacts(adapter),
    id: adapter.id,
  }));
  const picked = await askPick(alone(title), { items, placeholder: t('Choose adapters'), isMany: true });
  return picked === undefined || picked === BACK ? [] : picked.map(({ id }) => id);
}

export function pickShared(parts: UiParts, title: string): Promise<string[]> {
  return pickSome(parts, parts.engine.state.shared, title, t('You share no adapter.'));
}

export function pickDownloaded(parts: UiParts, title: string): Promise<string[]> {
  return pickSome(parts, parts.engine.state.library, title, t('You have downloaded no adapter yet.'));
}

/** Asks for one adapter of this machine: shared, downloaded, or any file. @returns Content id or path. */
export async function pickHere(parts: UiParts, title: string): Promise<string | undefined> {
  const { shared, library } = parts.engine.state;
  const here = [...new Map([...shared, ...library].map((adapter) => [adapter.id, adapter])).values()];
  if (here.length === 0) return pickAdapterFile(parts, title);
  const items = [
    ...here.map((adapter) => ({
      label: `$(layers) ${peerText(adapter.name)}`,
      description: shortFacts(adapter),
      id: adapter.id,
    })),
    { label: `$(folder-opened) ${t('From disk…')}`, description: '', id: undefined },
  ];
  const picked = await askPick(alone(title), { items, placeholder: t('Choose an adapter') });
  if (picked === undefined || picked === BACK) return undefined;
  return picked[0]!.id ?? pickAdapterFile(parts, title);
}
