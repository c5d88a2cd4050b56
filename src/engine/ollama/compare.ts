import type { CompareRequest, CompareSide } from '../deployWishes';
import { LoraSwarmError } from '../errors';
import type { Counted } from './answers';
import type { OllamaClient } from './client';
import { findTag } from './findTag';

const TOKENS = 128;
const MAX_TOKENS = 4096;
/** A long page of text. Ollama itself cuts to the context of the model. */
const MAX_PROMPT = 64 * 1024;

export type Side = 'base' | 'model';

/**
 * Asks two models of this machine the same, each through its own template, without chance. One after the other: Ollama may have to
 * change the model in memory.
 *
 * @param onText gets all that a side has said so far
 * @throws {LoraSwarmError} `USAGE`, `OLLAMA_MODEL_UNKNOWN` for what is not here or runs elsewhere, and what `OllamaClient` throws.
 */
export async function compareModels(
  client: OllamaClient,
  { base, model, prompt, tokens = TOKENS }: CompareRequest,
  onText: (side: Side, text: string) => void,
  signal?: AbortSignal,
): Promise<Readonly<Record<Side, CompareSide>>> {
  if (prompt.trim() === '' || prompt.length > MAX_PROMPT)
    throw new LoraSwarmError('USAGE', 'Write a prompt of at most 65,536 characters.');
  if (!Number.isSafeInteger(tokens) || tokens < 1 || tokens > MAX_TOKENS)
    throw new LoraSwarmError('USAGE', `The number of tokens has to be between 1 and ${MAX_TOKENS}.`);
  // Both are looked for first: nobody waits for one answer to hear that there is no other.
  const names = {
    base: (await findTag(client, base, signal)).name,
    model: (await findTag(client, model, signal)).name,
  };
  const ask = (side: Side): Promise<CompareSide> =>
    answerOf(client, { model: names[side], prompt, tokens }, (text) => onText(side, text), signal);
  return { base: await ask('base'), model: await ask('model') };
}

async function answerOf(
  client: OllamaClient,
  { model, prompt, tokens }: { readonly model: string; readonly prompt: string; readonly tokens: number },
  onText: (text: string) => void,
  signal: AbortSignal | undefined,
): Promise<CompareSide> {
  const options = { temperature: 0, seed: 42, num_predict: tokens };
  let text = '';
  let pieces = 0;
  let counted: Counted = {};
  let begun = performance.now();
  for await (const token of client.generate({ model, prompt, think: false, options }, signal, (at) => (counted = at))) {
    if (pieces === 0) begun = performance.now(); // Loading comes before.
    pieces++;
    text += token.text;
    onText(text);
  }
  return { text, tokens: counted.tokens ?? pieces, seconds: counted.seconds ?? (performance.now() - begun) / 1000 };
}
