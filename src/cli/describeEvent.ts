import { formatBytes, shortId } from './format';
import type { CliEvent } from './output';

/** One line for people, or undefined when the event is for programs only. */
export function describeEvent(event: CliEvent): string | undefined {
  switch (event.type) {
    case 'peer:connected':
      return `${event.name || shortId(event.key)} is connected`;
    case 'peer:disconnected':
      return `${shortId(event.key)} is gone`;
    case 'room:joined':
      return `joined ${event.label}`;
    case 'room:left':
      return `left ${event.room}`;
    case 'adapters:available':
      return event.added.length === 0 ? undefined : `${count(event.added.length, 'new adapter')} in ${event.room}`;
    case 'transfer:complete':
      return `${shortId(event.id)} is complete, ${formatBytes(event.bytes)}`;
    case 'transfer:error':
      return `${shortId(event.id)}: ${event.message}`;
    case 'source:changed':
      return event.message;
    case 'listening':
      return `Listening at ${event.host}:${event.port}. Ctrl-C ends it.`;
    case 'ready': // The verb that is ready says it with its result.
    case 'peers:updated':
    case 'transfer:progress':
    case 'progress':
      return undefined;
  }
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
