import type { OllamaClient } from './client';
import { answerOf } from './http';

/**
 * Whether `create` takes adapters. Since 0.34.1 it does not.
 *
 * Asks instead of comparing versions: builds from source say 0.0.0. The question has no side effect, see `askCreate`. A server
 * that takes adapters only complains about the name. Any other answer counts as no, because the other routes work everywhere.
 *
 * @throws as `OllamaClient` does when the server can't be reached.
 */
export async function takesAdapters(client: OllamaClient, signal?: AbortSignal): Promise<boolean> {
  const error = await client.askCreate({ 'p.gguf': `sha256:${'0'.repeat(64)}` }, signal);
  const answer = answerOf(error);
  return answer?.status === 400 && answer.text === 'invalid model name';
}
