import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { hasCode } from '../../errors';
import type { Logger } from '../../log';
import type { Tag } from '../answers';
import type { OllamaClient } from '../client';

/** Routes first make a model under a name of our own namespace. These two forms, nothing else, are ours to delete. */
const STAGED = /^(?:127\.0\.0\.1:(?<port>\d{1,5})\/)?loraswarm\/x[0-9a-f]{16}:v1$/;
/** An install takes seconds; after this nobody works on it any more. */
const ABANDONED_MS = 10 * 60_000;

/** A name for a model that is not finished. */
export function stagedName(): string {
  return `loraswarm/x${randomBytes(8).toString('hex')}:v1`;
}

export function isStagedName(name: string): boolean {
  return STAGED.test(name);
}

/**
 * Deletes what installs of a program that ended in the middle left in Ollama. Work of a program that still runs stays:
 * its registry listens on the port in the name, or the model is younger than any install takes.
 *
 * @returns the names that were deleted.
 */
export async function removeLeftovers(client: OllamaClient, log: Logger, signal?: AbortSignal): Promise<string[]> {
  const removed: string[] = [];
  for (const tag of await client.tags(signal)) {
    if (!isStagedName(tag.name) || !(await isAbandoned(tag))) continue;
    try {
      await client.delete(tag.name, signal);
    } catch (error) {
      if (!hasCode(error, 'OLLAMA_REFUSED', 'OLLAMA_FAILED')) throw error;
      log.warn(`could not delete ${tag.name}, left over from an install that did not end: ${error.message}`);
      continue; // The next install tries again; this one does not depend on it.
    }
    log.info(`deleted ${tag.name}, left over from an install that did not end`);
    removed.push(tag.name);
  }
  return removed;
}

async function isAbandoned(tag: Tag): Promise<boolean> {
  const port = STAGED.exec(tag.name)?.groups?.['port'];
  if (port === undefined) return Date.now() - tag.modifiedAt > ABANDONED_MS;
  return !(await isListening(Number(port)));
}

function isListening(port: number): Promise<boolean> {
  if (port < 1 || port > 65_535) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port, timeout: 1_000 });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(true)); // Not refused, so somebody is there.
    socket.once('error', () => end(false));
  });
}
