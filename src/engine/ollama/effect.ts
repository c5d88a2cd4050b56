import { LoraSwarmError } from '../errors';
import type { EffectResult } from '../deployWishes';
import type { GeneratedToken, OllamaClient } from './client';
import { answerOf } from './http';

/** Plain text, so that it means the same to every model, and long enough for an adapter to show. */
const PROMPT = 'The quick brown fox jumps over the lazy dog. Once upon a time';
const TOKENS = 16;
/** The same model twice gives differences below 1e-5 on a CPU, more with batching on a GPU; adapters move these by 0.1 and more. */
const SAME_LOGPROB = 1e-3;

/**
 * Asks base and model the same, without chance, and compares tokens and their probabilities.
 *
 * @returns `checked: false` when Ollama can't run the base itself: then nothing is known about the adapter.
 * @throws {LoraSwarmError} `BASE_UNFIT` when the base runs and the model does not: it is of no use and should be removed.
 */
export async function checkEffect(
  client: OllamaClient,
  base: string,
  model: string,
  signal?: AbortSignal,
): Promise<EffectResult> {
  let plain: GeneratedToken[];
  try {
    plain = await run(client, base, signal);
  } catch (error) {
    const answer = answerOf(error);
    if (!answer) throw error;
    return {
      outcome: 'not-checked',
      checked: false,
      changed: false,
      reason: `Not checked: Ollama cannot run the base model (${answer.text}).`,
    };
  }
  let adapted: GeneratedToken[];
  try {
    adapted = await run(client, model, signal);
  } catch (error) {
    const answer = answerOf(error);
    if (!answer) throw error;
    if (!isCrash(answer.text))
      return {
        outcome: 'not-checked',
        checked: false,
        changed: false,
        reason: `Not checked: Ollama cannot run the model now (${answer.text}).`,
      };
    throw new LoraSwarmError(
      'BASE_UNFIT',
      `Ollama runs ${base}, but ends when it loads the adapter: it does not fit this base, or this Ollama no longer runs adapters.`,
      undefined,
      { cause: error },
    );
  }
  return compare(plain, adapted);
}

async function run(client: OllamaClient, model: string, signal: AbortSignal | undefined): Promise<GeneratedToken[]> {
  const options = { temperature: 0, seed: 42, num_predict: TOKENS };
  const request = { model, prompt: PROMPT, raw: true, logprobs: true, top_logprobs: 1, options };
  const tokens: GeneratedToken[] = [];
  for await (const token of client.generate(request, signal)) tokens.push(token);
  return tokens;
}

/** `llama-server process has terminated: …`, before 0.30 `llama runner process has terminated: …`; not when it was killed. */
function isCrash(text: string): boolean {
  return /process has terminated/.test(text) && !/signal: killed/.test(text);
}

function compare(plain: readonly GeneratedToken[], adapted: readonly GeneratedToken[]): EffectResult {
  const checked = true;
  const sameText = plain.length === adapted.length && plain.every(({ text }, at) => text === adapted[at]?.text);
  if (!sameText) {
    const at = plain.findIndex(({ text }, index) => text !== adapted[index]?.text);
    const first = at < 0 ? plain.length : at;
    return {
      outcome: 'changed',
      checked,
      changed: true,
      reason: `Same prompt, other words: base and adapter part at token ${first + 1}.`,
    };
  }
  const moves = plain.map(({ logprob }, at) => {
    const other = adapted[at]?.logprob;
    return logprob === undefined || other === undefined ? undefined : Math.abs(logprob - other);
  });
  const known = moves.filter((move) => move !== undefined);
  const largest = Math.max(0, ...known);
  if (largest > SAME_LOGPROB)
    return {
      outcome: 'changed',
      checked,
      changed: true,
      reason: `Same words, other probabilities: log-probabilities move by up to ${largest.toFixed(3)}.`,
    };
  const reason =
    known.length > 0
      ? 'The adapter has NO EFFECT: same prompt, same words, same probabilities as the base.'
      : 'The adapter shows NO EFFECT: same prompt, same words. This Ollama does not tell probabilities, so a small effect may be hidden.';
  return { outcome: 'identical', checked, changed: false, reason };
}
