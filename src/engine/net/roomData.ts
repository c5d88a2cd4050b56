import type { Trust } from './members/circle';

/** What a private room keeps in the database, as JSON. Fields that are absent came with later versions. */
export interface RoomData {
  /** Hex, as all that is not said otherwise. */
  readonly secret?: string;
  /** Who made the room and its first nonce, which `secret` commits to: alone, or with `epochNonce`. */
  readonly owner?: { readonly key: string; readonly nonce: string };
  readonly epochNonce?: string;
  readonly members?: readonly (readonly [string, string])[];
  readonly removed?: readonly string[];
  readonly past?: readonly { readonly secret: string; readonly message?: string; readonly epochNonce?: string }[];
  /** Statements, base64. */
  readonly log?: readonly string[];
  readonly seen?: readonly (readonly [string, number])[];
  readonly petnames?: readonly (readonly [string, string])[];
  readonly trust?: readonly (readonly [string, Trust])[];
  readonly invites?: readonly { readonly secret: string; readonly expiresAt: number; readonly usedBy?: string }[];
}

/**
 * Reads it from a row, which may be damaged, or from a backup, which may be of somebody else. What is not of its kind is left
 * out, alone: a damaged list of names must not cost the room.
 */
export function parseRoomData(value: unknown): RoomData {
  const from = record(value);
  const owner = record(from['owner']);
  return {
    ...optional('secret', text(from['secret'])),
    ...optional('epochNonce', text(from['epochNonce'])),
    ...(isText(owner['key']) && isText(owner['nonce']) ? { owner: { key: owner['key'], nonce: owner['nonce'] } } : {}),
    ...optional('log', from['log'] === undefined ? undefined : list(from['log']).filter(isText)),
    members: pairs(from['members'], isText),
    removed: list(from['removed']).filter(isText),
    past: list(from['past']).flatMap((item) => {
      const { secret, message, epochNonce } = record(item);
      if (!isText(secret)) return [];
      return [{ secret, ...optional('message', text(message)), ...optional('epochNonce', text(epochNonce)) }];
    }),
    seen: pairs(from['seen'], isNumber),
    petnames: pairs(from['petnames'], isText),
    trust: pairs(from['trust'], isTrust),
    invites: list(from['invites']).flatMap((item) => {
      const { secret, expiresAt, usedBy } = record(item);
      return isText(secret) && isNumber(expiresAt) ? [{ secret, expiresAt, ...optional('usedBy', text(usedBy)) }] : [];
    }),
  };
}

/** The same for a backup: a one-time code that was used since must not admit another device when the backup is restored. */
export function withoutInvites(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? { ...value, invites: [] } : value;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function pairs<T>(value: unknown, isOf: (item: unknown) => item is T): (readonly [string, T])[] {
  return list(value).flatMap((item) => {
    const [key, about] = list(item);
    return isText(key) && isOf(about) ? [[key, about] as const] : [];
  });
}

function text(value: unknown): string | undefined {
  return isText(value) ? value : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isTrust(value: unknown): value is Trust {
  return value === 'compared' || value === 'invite';
}

function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
