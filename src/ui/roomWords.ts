import type { EngineState, RoomState } from '../engine/state';
import type { EngineHandle } from './engineHandle';
import { countOf, countPeers, joinKnown, shortKey } from './facts';
import { t } from './l10n';
import { peerText } from './text';

// What the window says of a room, wherever it does: how many are in it, who gets in, and what they learn of the user.

/** What a room is called and drawn as, in trees, quick picks and pages. */
export function roomLook(room: Pick<RoomState, 'kind' | 'label' | 'id'>): { icon: string; label: string } {
  switch (room.kind) {
    case 'general':
      return { icon: 'globe', label: t('General') };
    case 'local':
      return { icon: 'home', label: t('Local network') };
    case 'private':
      return { icon: 'lock', label: peerText(room.label) || shortKey(room.id) };
  }
}

/**
 * How many of a room are connected. Of the general room that is a few of many: the others are heard of through them, so
 * "4 peers" would be taken for all.
 */
export function countInRoom({ kind, peers }: Pick<RoomState, 'kind' | 'peers'>): string {
  return kind === 'general' ? countOf(peers, t('1 connected'), t('{0} connected')) : countPeers(peers);
}

/** Who gets in. */
export function roomPromise(room: Pick<RoomState, 'kind' | 'isAdmin'>): string {
  switch (room.kind) {
    case 'general':
      return t('Public: anyone can join and see what is shared here.');
    case 'local':
      return t('Everyone on the same network. Nothing is announced outside it.');
    case 'private':
      return room.isAdmin
        ? t('Only people with the invite. You are an admin of this room and can remove members.')
        : t('Only people with the invite.');
  }
}

/** What those in a room learn of the user. */
export function whatOthersSee({ name, key }: EngineState['identity']): string {
  const me = joinKnown([peerText(name), shortKey(key)]);
  return me === ''
    ? t('Others in it see your public key, your IP address, and the names of the adapters that you share there.')
    : t(
        'Others in it see your public key ({0}), your IP address, and the names of the adapters that you share there.',
        me,
      );
}

/** Asks the engine who we are: what a window knows right after its start may be of before the engine had its settings. */
export async function askWhatOthersSee(engine: EngineHandle): Promise<string> {
  const { identity } = await engine.wish('state', {}).catch(() => engine.state); // No engine, no name: said all the same.
  return whatOthersSee(identity);
}
