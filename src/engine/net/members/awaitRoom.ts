import type { Event } from '../../events';
import { roomNotFound } from './doors';

/** Waits until somebody of a room is here. @throws {LoraSwarmError} `ROOM_NOT_FOUND` */
export async function metSomebody(
  rooms: { readonly onDidChange: Event<void> },
  isMet: () => boolean,
  { waitMs, signal }: { readonly waitMs: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  signal?.throwIfAborted();
  if (isMet()) return;
  let end = (): void => undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const listening = rooms.onDidChange(() => isMet() && resolve());
      const timer = setTimeout(() => reject(roomNotFound(waitMs)), waitMs);
      const onAbort = (): void => reject(signal?.reason as Error);
      signal?.addEventListener('abort', onAbort);
      end = () => {
        listening.dispose();
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
    });
  } finally {
    end();
  }
}
