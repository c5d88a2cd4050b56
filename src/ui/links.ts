import { hasCode } from '../engine/errors';
import { MAX_LINK_LENGTH } from '../engine/limits';
import { formatJoinCode, isJoinCode, parseJoinCode } from '../engine/net/members/joinCode';
import { formatRoomCode, parseRoomCode } from '../engine/net/roomCode';
import { isContentId, isRoomId } from './targets';

/** What a `vscode://` link asks for. Nothing happens before the user has confirmed it. */
export type Link =
  /** The code of a room, or one that admits one device. */
  | { readonly kind: 'join'; readonly code: string }
  | { readonly kind: 'adapter'; readonly id: string; readonly room?: string };

/**
 * Reads a link of ours: `/join?code=…` or `/adapter?id=…&room=…`. Unknown parameters are ignored.
 *
 * @returns `undefined` for anything else, too long, or with a parameter given twice.
 */
export function parseLink(path: string, query: string): Link | undefined {
  if (path.length + query.length > MAX_LINK_LENGTH) return undefined;
  const parameters = new URLSearchParams(query);
  const one = (name: string): string | undefined => {
    const values = parameters.getAll(name);
    return values.length === 1 ? values[0] : undefined;
  };
  switch (path) {
    case '/join': {
      const code = readCode(one('code'));
      return code === undefined ? undefined : { kind: 'join', code };
    }
    case '/adapter': {
      const id = one('id');
      const room = one('room');
      if (!isContentId(id)) return undefined;
      return { kind: 'adapter', id, ...(isRoomId(room) ? { room } : {}) };
    }
    default:
      return undefined;
  }
}

/** Reads what a user pastes to join: a code, or a whole invite link of any editor. The code comes back in its one form. */
export function readInvite(text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed.length > MAX_LINK_LENGTH) return undefined;
  if (!trimmed.includes('://')) return readCode(trimmed);
  if (!URL.canParse(trimmed)) return undefined;
  const url = new URL(trimmed);
  const link = parseLink(url.pathname, url.search.slice(1));
  return link?.kind === 'join' ? link.code : undefined;
}

function readCode(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return isJoinCode(text) ? formatJoinCode(parseJoinCode(text)) : formatRoomCode(parseRoomCode(text));
  } catch (error) {
    if (hasCode(error, 'ROOM_CODE_INVALID')) return undefined;
    throw error;
  }
}

/** The link that opens an adapter's page after a confirmation. */
export function adapterLink(uriScheme: string, id: string, room?: string): string {
  return `${uriScheme}://lora-swarm.lora-swarm/adapter?id=${id}${room === undefined ? '' : `&room=${room}`}`;
}
