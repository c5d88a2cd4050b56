/** What a command is about, whoever ran it: a tree, the explorer, the panel, a link or another extension. */
export type Target =
  | { readonly kind: 'room'; readonly room: string }
  | { readonly kind: 'peer'; readonly room: string; readonly key: string }
  | { readonly kind: 'adapter'; readonly id: string; readonly room?: string }
  | { readonly kind: 'path'; readonly path: string }
  /** `adapter` names the one inside the model that is meant: `ollama:MODEL`, `ollama:MODEL#2`. */
  | { readonly kind: 'model'; readonly name: string; readonly adapter: string };

/** Ids of tree elements. They stay the same as long as the thing does, so a refresh keeps selection and expansion. */
export const elementId = {
  room: (room: string) => `room:${room}`,
  /** The row that leads to all that a room offers. */
  all: (room: string) => `all:${room}`,
  /** @param isLeaf it has nothing below it. The editor keeps a row closed that was a leaf before, so it becomes another one. */
  peer: (room: string, key: string, isLeaf = false) => `peer:${room}:${key}${isLeaf ? ':leaf' : ''}`,
  offer: (room: string, key: string, id: string) => `offer:${room}:${key}:${id}`,
  shared: (id: string) => `shared:${id}`,
  downloaded: (id: string) => `downloaded:${id}`,
  found: (path: string) => `found:${path}`,
  model: (name: string) => `model:${name}`,
  /** `ollama:MODEL` or `ollama:MODEL#2`, as the engine calls the adapters inside models. */
  ollama: (target: string) => target,
  transfer: (direction: 'download' | 'upload', id: string) => `${direction}:${id}`,
} as const;

/** The element of the transfers tree that a command is about; `undefined` for anything else. */
export function parseTransferElement(
  value: unknown,
): { readonly direction: 'download' | 'upload'; readonly id: string } | undefined {
  const [direction, id] = typeof value === 'string' ? value.split(':') : [];
  if ((direction !== 'download' && direction !== 'upload') || !isContentId(id)) return undefined;
  return elementId.transfer(direction, id) === value ? { direction, id } : undefined;
}

const CONTENT_ID = /^[0-9a-f]{64}$/;
const ROOM_ID = /^(?:general|local|[0-9a-f]{16})$/;
const KEY = /^[0-9a-f]{64}$/;

export const isContentId = (value: unknown): value is string => typeof value === 'string' && CONTENT_ID.test(value);
export const isRoomId = (value: unknown): value is string => typeof value === 'string' && ROOM_ID.test(value);

/** Reads one argument of a command; `undefined` for anything it does not know. */
export function parseTarget(value: unknown): Target | undefined {
  if (typeof value === 'string') return parseElementId(value);
  if (typeof value !== 'object' || value === null) return undefined;
  const { scheme, fsPath, id, room } = value as Record<string, unknown>;
  if (scheme === 'file' && typeof fsPath === 'string') return { kind: 'path', path: fsPath };
  if (isContentId(id)) return { kind: 'adapter', id, ...(isRoomId(room) ? { room } : {}) };
  return undefined;
}

/** What the engine opens as a path: files, and adapters inside models of Ollama. */
export function targetPath(target: Target | undefined): string | undefined {
  if (target?.kind === 'path') return target.path;
  return target?.kind === 'model' ? target.adapter : undefined;
}

/** VS Code hands over the clicked item and, with several selected, all of them. */
export function parseTargets(clicked: unknown, selected?: unknown): Target[] {
  const all = Array.isArray(selected) && selected.length > 0 ? (selected as unknown[]) : [clicked];
  return all.map(parseTarget).filter((target) => target !== undefined);
}

function parseElementId(text: string): Target | undefined {
  if (CONTENT_ID.test(text)) return { kind: 'adapter', id: text };
  const colon = text.indexOf(':');
  const kind = text.slice(0, colon);
  const rest = text.slice(colon + 1);
  const [first = '', second = '', third = ''] = rest.split(':');
  switch (kind) {
    case 'room':
      return ROOM_ID.test(rest) ? { kind: 'room', room: rest } : undefined;
    case 'peer':
      return ROOM_ID.test(first) && KEY.test(second) ? { kind: 'peer', room: first, key: second } : undefined;
    case 'offer':
      return ROOM_ID.test(first) && CONTENT_ID.test(third) ? { kind: 'adapter', id: third, room: first } : undefined;
    case 'shared':
    case 'downloaded':
    case 'download':
    case 'upload':
      return CONTENT_ID.test(rest) ? { kind: 'adapter', id: rest } : undefined;
    case 'found':
      return rest === '' ? undefined : { kind: 'path', path: rest };
    case 'model':
      return rest === '' ? undefined : { kind: 'model', name: rest, adapter: `ollama:${rest}` };
    case 'ollama': {
      const name = rest.replace(/#\d{1,2}$/, '');
      return name === '' ? undefined : { kind: 'model', name, adapter: text };
    }
    default:
      return undefined;
  }
}
