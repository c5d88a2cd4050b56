import type { EffectOutcome, EffectResult } from '../../deployWishes';
import { answerMove, largestMove, type AnswerMove } from './answerMove';
import type { GeneratedToken } from '../answers';
import type { OllamaClient } from '../client';
import { whatElseChanged, whyBrokenOff, whyNoEffect, whyNotLoaded } from './effectCause';
import { answerOf } from '../http';

/** Plain text of three kinds, so that they mean the same to every model, and long enough for an adapter to show. */
const PROMPTS = [
  'The quick brown fox jumps over the lazy dog. Once upon a time',
  'Question: What is the capital of France?\nAnswer:',
  'def add(a, b):\n    return',
];
const TOKENS = 16;
/** Enough to find the base's word among those of the model. */
const TOP = 5;
/** The same model twice gives differences below 1e-5 on a CPU, more with batching on a GPU; adapters move these by 0.1 and more. */
const SAME_LOGPROB = 1e-3;
/** What the base moves against itself is one sample of the noise, which may be larger the next time. */
const NOISE_FACTOR = 4;
/** Above this the noise hides too much to say that there is no effect. */
const TOO_NOISY = 0.1;
/** For one model, load included. Longer ones are left to their user. */
const SIDE_MS = 5 * 60_000;
/** Its runner ended while it answered, before 0.30 the usual end of a bad adapter. */
const BROKEN_OFF = /\bEOF\b|connection (was )?(reset|refused|forcibly closed)/i;
/** A slow model is asked less. */
const SLOW_MS = 20_000;

/**
 * Asks base and model the same, without chance, and compares words and their probabilities. The base is asked twice: what it moves
 * against itself is noise. Says only what it saw.
 *
 * `failed` means that the base ran and the model did not: it is of no use and should be removed. Never throws for what Ollama does; a
 * cancelled check is `not-checked`.
 */
export async function checkEffect(
  client: OllamaClient,
  base: string,
  model: string,
  signal?: AbortSignal,
): Promise<EffectResult> {
  const plain = await ask(client, base, PROMPTS.length, signal);
  if ('error' in plain) return notChecked(`Ollama cannot run the base model (${plain.error})`);
  if ('why' in plain) return notChecked(plain.why);
  const adapted = await ask(client, model, plain.answers.length, signal);
  if ('why' in adapted) return notChecked(adapted.why);
  if ('error' in adapted) return failure(client, base, model, adapted.error, signal);
  if ([...plain.answers, ...adapted.answers].every((tokens) => tokens.length === 0))
    return notChecked('base and model end every answer before the first word, so there is nothing to compare');
  const noise = answerMove(plain.answers[0]!, plain.again);
  const move = largestMove(plain.answers.map((answer, at) => answerMove(answer, adapted.answers[at] ?? [])));
  const effect = await judge(move, noise, () => whyNoEffect(client, base, model, signal));
  if (effect.outcome !== 'changed') return effect;
  return { ...effect, reason: `${effect.reason} ${await whatElseChanged(client, base, model, signal)}`.trimEnd() };
}

async function failure(
  client: OllamaClient,
  base: string,
  model: string,
  said: string,
  signal: AbortSignal | undefined,
): Promise<EffectResult> {
  if (isOfAdapter(said)) return result('failed', await whyNotLoaded(client, base, model, said, signal));
  const found = BROKEN_OFF.test(said) ? await whyBrokenOff(client, base, model, signal) : undefined;
  return found === undefined ? notChecked(`Ollama cannot run the model now (${said})`) : result('failed', found);
}

/** What the answers say. @param why looks for the reason when there is no effect */
export async function judge(move: AnswerMove, noise: AnswerMove, why: () => Promise<string>): Promise<EffectResult> {
  const parts = move.partsAt === undefined ? 'the words stay the same' : `the words part at token ${move.partsAt}`;
  if (move.logprob === undefined) {
    if (move.partsAt === undefined)
      return result(
        'identical',
        `The adapter shows NO EFFECT: same prompts, same words as the base. This Ollama does not tell probabilities, so a small effect may be hidden. ${await why()}`,
      );
    if (noise.partsAt !== undefined)
      return notChecked('the base itself answers the same prompt in other words each time, so nothing can be compared');
    return result('changed', `Same prompts, other answers than the base: ${parts}.`);
  }
  const own = noise.logprob ?? 0;
  const floor = Math.max(SAME_LOGPROB, NOISE_FACTOR * own);
  const seen = { logprobMove: move.logprob };
  const against = `log-probabilities move by up to ${figure(move.logprob)}`;
  if (move.logprob > floor)
    return result(
      'changed',
      `Same prompts, other answers than the base: ${against} (the base against itself: ${figure(own)}), and ${parts}.`,
      seen,
    );
  if (floor > TOO_NOISY)
    return notChecked(`${against}, and the base against itself by ${figure(own)}: that is too noisy to see an effect`);
  return result(
    'identical',
    `The adapter has NO EFFECT: same prompt, same words, same probabilities as the base (within ${figure(floor)}). ${await why()}`,
    seen,
  );
}

interface Answers {
  readonly answers: readonly (readonly GeneratedToken[])[];
  /** To the first prompt once more. */
  readonly again: readonly GeneratedToken[];
}

/** `error` is Ollama's own word, `why` the reason when it gave none. */
type Asked = Answers | { readonly error: string } | { readonly why: string };

async function ask(
  client: OllamaClient,
  model: string,
  prompts: number,
  signal: AbortSignal | undefined,
): Promise<Asked> {
  const late = AbortSignal.timeout(SIDE_MS);
  const limit = signal ? AbortSignal.any([signal, late]) : late;
  try {
    const first = await answer(client, model, PROMPTS[0]!, limit);
    const answers = [first.tokens];
    for (const prompt of PROMPTS.slice(1, first.isSlow ? 1 : prompts))
      answers.push((await answer(client, model, prompt, limit)).tokens);
    return { answers, again: (await answer(client, model, PROMPTS[0]!, limit)).tokens };
  } catch (error) {
    if (signal?.aborted) return { why: 'it was cancelled' };
    if (late.aborted) return { why: `Ollama needed more than ${SIDE_MS / 60_000} minutes for ${model}` };
    const said = answerOf(error);
    return said ? { error: said.text } : { why: `Ollama did not answer to the end (${messageOf(error)})` };
  }
}

async function answer(
  client: OllamaClient,
  model: string,
  prompt: string,
  signal: AbortSignal,
): Promise<{ readonly tokens: readonly GeneratedToken[]; readonly isSlow: boolean }> {
  const options = { temperature: 0, seed: 42, num_predict: TOKENS };
  const request = { model, prompt, raw: true, logprobs: true, top_logprobs: TOP, options };
  const tokens: GeneratedToken[] = [];
  let begun = 0;
  for await (const token of client.generate(request, signal)) {
    begun ||= performance.now(); // Loading comes before, and only once.
    tokens.push(token);
  }
  return { tokens, isSlow: performance.now() - begun > SLOW_MS };
}

/** Whether a model that does not run fails for what it is, and not for lack of memory or because somebody ended it. */
function isOfAdapter(text: string): boolean {
  const isFailure =
    /process (has terminated|no longer running)|GGML_ASSERT|loras? are not yet implemented|(load(ing)?|apply(ing)?|initiali[sz]e) (the )?(lora|model)/i;
  const isCircumstance = /signal: killed|out of memory|(insufficient|more system) memory|cudaMalloc/i;
  return isFailure.test(text) && !isCircumstance.test(text);
}

function notChecked(why: string): EffectResult {
  return result('not-checked', `Not checked: ${why}.`);
}

function result(outcome: EffectOutcome, reason: string, seen: { logprobMove?: number } = {}): EffectResult {
  const checked = outcome === 'changed' || outcome === 'identical';
  return { outcome, checked, changed: outcome === 'changed', reason: reason.trimEnd(), ...seen };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, '') : String(error);
}

/** Three digits that say something, never `0.000` for what is not nothing. */
function figure(value: number): string {
  if (value === 0) return '0';
  return value >= 0.001 ? value.toFixed(3) : value.toExponential(0);
}
