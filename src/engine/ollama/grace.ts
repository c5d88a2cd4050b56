/** What a cancelled request may still take. */
const GRACE_MS = 10_000;

/**
 * Aborts some time after `signal` does. For requests with which Ollama goes on when nobody listens any more: what it makes would
 * appear after we looked for it, and stay. The caller asks `signal` afterwards.
 */
export function withGrace(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (!signal) return undefined;
  const late = new AbortController();
  const onAbort = (): void => void setTimeout(() => late.abort(signal.reason), GRACE_MS).unref();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  return late.signal;
}
