import * as vscode from 'vscode';
import { LoraSwarmError } from '../../engine/errors';
import type { RoomState } from '../../engine/state';
import type { ShareResult } from '../../engine/wishes';
import { countOf, joinKnown } from '../facts';
import { t } from '../l10n';
import { adapterLink } from '../links';
import { confirm, showDone } from '../notify';
import { modelfileBeside } from '../modelfile';
import type { UiParts } from '../parts';
import { withProgress } from '../progress';
import { askWhatOthersSee, roomLook } from '../roomWords';
import { userValue } from '../settingsSync';
import { askSteps } from '../steps';
import { suggestName } from '../suggestName';
import { parseTargets, targetPath } from '../targets';
import { adapterName, peerText } from '../text';
import { refusal } from './inspection';
import type { Handler } from './register';
import { addRoom, copyText } from './rooms';
import { pickAdapterFile } from './pickFile';
import { pickShared } from './pickAdapter';
import { shareRequest, shareSteps, type ShareDraft } from './shareSteps';

/** The rooms of the last time. Nothing else is preselected. */
const LAST_ROOMS = 'share.lastRooms';

export function shareCommands(parts: UiParts): Record<string, Handler> {
  const share = async (clicked: unknown, selected: unknown): Promise<ShareResult | undefined> => {
    const paths = pathsOf(clicked, selected);
    if (paths.length === 0) {
      const picked = await pickAdapterFile(parts, t('Share LoRA Adapter'));
      return picked === undefined ? undefined : sharePath(parts, picked);
    }
    let last: ShareResult | undefined;
    for (const path of paths) last = await sharePath(parts, path);
    return last;
  };
  return {
    share,
    shareResource: share,
    unshare: (clicked, selected) => unshare(parts, clicked, selected),
    copyLink: (clicked) => copyLink(clicked),
  };
}

/** From a path to an adapter that rooms are offered. Nothing leaves the machine before the last question is answered. */
export async function sharePath(parts: UiParts, path: string): Promise<ShareResult | undefined> {
  // As it was named: an adapter inside a model of Ollama is shared as that, not as the blob that it was found in.
  const found = { ...(await parts.engine.wish('inspect', { path })), path };
  const reason = refusal(found);
  if (reason !== undefined) throw new LoraSwarmError('ADAPTER_UNSUPPORTED', reason);

  const rooms = await joinedRooms(parts);
  if (rooms.length === 0) return undefined;
  const remembered = parts.memory.get<readonly string[]>(LAST_ROOMS, []);
  const start: ShareDraft = {
    name: suggestName(found.path, parts.engine.state.identity.name),
    base: '',
    license: peerText(found.license),
    tags: [],
    rooms: rooms.map(({ id }) => id).filter((id) => remembered.includes(id)),
    extras: [],
  };
  const modelfile = await modelfileBeside(path);
  const draft = await askSteps(t('Share LoRA Adapter'), start, shareSteps(found, rooms, modelfile));
  if (!draft || !(await confirmPublic(parts, draft))) return undefined;
  await parts.memory.update(LAST_ROOMS, draft.rooms);

  const result = await withProgress(t('Sharing {0}', adapterName(draft.name, '')), (options) =>
    parts.engine.wish(
      'share',
      { ...shareRequest(found, draft, modelfile), isPublicConfirmed: isPublic(draft) },
      options,
    ),
  );
  sayShared(parts, result, rooms);
  return result;
}

function sayShared(parts: UiParts, result: ShareResult, rooms: readonly RoomState[]): void {
  const names = result.rooms.map((id) => rooms.find((room) => room.id === id)).filter((room) => room !== undefined);
  const where = names.map((room) => roomLook(room).label).join(', ');
  const taken =
    result.privateValues.length === 0
      ? undefined
      : t('Taken out before sharing: {0}.', result.privateValues.map((key) => peerText(key)).join(', '));
  const name = adapterName(result.name, result.id);
  void showDone(parts.log, joinKnown([t('{0} is shared in {1}.', name, where), taken], ' '), {
    [t('Copy Link')]: () => copyText(result.link),
  });
}

/** The joined rooms; where there are none, the user may enter one first. */
async function joinedRooms(parts: UiParts): Promise<readonly RoomState[]> {
  const { rooms } = await parts.engine.wish('rooms', {});
  if (rooms.length > 0) return rooms;
  const entered = await addRoom(parts);
  return entered === undefined ? [] : (await parts.engine.wish('rooms', {})).rooms;
}

const isPublic = (draft: ShareDraft): boolean => draft.rooms.includes('general');

async function confirmPublic({ engine }: UiParts, draft: ShareDraft): Promise<boolean> {
  if (!isPublic(draft) || userValue('share.confirmPublic') === false) return true;
  return confirm(
    t('Share this adapter with everyone?'),
    [
      t(
        'Anyone can join the general room. Anyone there can see {0}, download it and keep it, also after you stop sharing.',
        draft.name,
      ),
      await askWhatOthersSee(engine),
    ].join('\n\n'),
    t('Share Publicly'),
  );
}

async function unshare(parts: UiParts, clicked: unknown, selected: unknown): Promise<void> {
  const targets = parseTargets(clicked, selected).filter(({ kind }) => kind === 'adapter');
  const picked = targets.length > 0 ? undefined : await pickShared(parts, t('Stop Sharing'));
  const ids = picked ?? targets.map((target) => (target.kind === 'adapter' ? target.id : ''));
  for (const id of ids) await parts.engine.wish('unshare', { target: id });
  if (ids.length > 0)
    void showDone(
      parts.log,
      countOf(ids.length, t('1 adapter is no longer shared.'), t('{0} adapters are no longer shared.')),
    );
}

async function copyLink(clicked: unknown): Promise<void> {
  const [target] = parseTargets(clicked);
  if (target?.kind !== 'adapter') return;
  await copyText(adapterLink(vscode.env.uriScheme, target.id, target.room));
  vscode.window.setStatusBarMessage(t('Link copied'), 3_000);
}

function pathsOf(clicked: unknown, selected: unknown): string[] {
  return parseTargets(clicked, selected)
    .map(targetPath)
    .filter((path) => path !== undefined);
}
