// What every reader of a message of the webview is made of. Nothing here throws.

/** As long as a search may be. The quick pick and the full-text index use the same. */
export const MAX_SEARCH_LENGTH = 200;

/** Own, plain fields only. Messages are structured clones, so getters and prototypes don't survive the way here. */
export function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

export function isContentId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

export function isRoomId(value: unknown): value is string {
  return typeof value === 'string' && /^(?:general|local|[0-9a-f]{16})$/.test(value);
}

/** A name as Ollama gives to models: host, namespace, name and tag, without anything that a path or a shell could read. */
export function isModelName(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,79}(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,79}){0,2}(?::[A-Za-z0-9][A-Za-z0-9._-]{0,79})?$/.test(
      value,
    )
  );
}

export function isText(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === 'string' && value.length <= MAX_SEARCH_LENGTH);
}

export function isCount(value: unknown, most: number): value is number | undefined {
  return value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most);
}
