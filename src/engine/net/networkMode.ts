import type { NetworkMode, RoomKind } from '../state';

/** Whether anything outside of the local network may be asked or told. */
export function reachesOutside(mode: NetworkMode): boolean {
  return mode === 'all' || mode === 'private';
}

/** Whether rooms of a kind are switched on. On the local network alone private rooms meet there, too. */
export function allowsRoom(mode: NetworkMode, kind: RoomKind): boolean {
  if (mode === 'all') return true;
  return mode !== 'off' && kind !== 'general';
}
