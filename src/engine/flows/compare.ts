import { compareModels } from '../ollama/compare';
import type { WishOptions, Wishes } from '../wishes';
import type { EngineParts } from './parts';

/** The same prompt to two models, streamed. Nothing is changed and nothing kept. */
export function compare(
  { ollama }: Pick<EngineParts, 'ollama'>,
  request: Wishes['compare']['params'],
  { signal, onProgress }: WishOptions = {},
): Promise<Wishes['compare']['result']> {
  return compareModels(ollama.client, request, (side, text) => onProgress?.({ kind: 'compare', side, text }), signal);
}
