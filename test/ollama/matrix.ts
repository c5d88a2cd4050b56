import path from 'node:path';
import type { InstallRouteName } from '../../src/engine/deployWishes';
import { LoraSwarmError } from '../../src/engine/errors';
import type { Engine } from '../../src/engine/engine';
import { OllamaClient } from '../../src/engine/ollama/client';
import { addCalmBase } from '../helpers/calmBase';
import { BASES, type BaseName } from '../helpers/gold';
import { TestEngines } from '../helpers/testEngines';
import type { TestServer } from './suite';

export const ROUTES = ['create', 'pull', 'manifest', 'merge'] as const satisfies readonly InstallRouteName[];

/** Every linear layer of each base, as PEFT saved it. */
const ADAPTERS: Readonly<Record<BaseName, string>> = {
  ...{ llama: 'all-r8', mistral: 'all-r4', qwen2: 'all-r4', qwen3: 'all-r4' },
  ...{ gemma2: 'all-r4', gemma3: 'all-r4', phi3: 'all-r4' },
};
/** The tiny Gemma says its last word again and again: an Ollama that tells words only hears nothing but a strong adapter. */
const WEIGHTS: Partial<Record<BaseName, number>> = { gemma3: 8 };
const FIXTURES = path.resolve(__dirname, '../fixtures');

/** Short and odd: the tiny models are random, and answer each of these otherwise. */
const PROMPTS = [
  'one',
  'two and',
  'The quick brown fox',
  '3 + 4 =',
  'abc abc abc',
  '"x": [',
  'zzz',
  'Hello, world! Once upon',
];
const TOKENS = 6;
/** How many of the likeliest first tokens are compared. */
const TOP = 20;

/** What a model said to the prompts. */
export interface Answers {
  readonly words: string;
  /** Log-probabilities of the likeliest first tokens, a map per prompt. Empty maps where Ollama does not tell. */
  readonly tops: readonly ReadonlyMap<string, number>[];
}

export type Cell = {
  readonly architecture: BaseName;
  readonly route: InstallRouteName;
} & (
  | { readonly outcome: 'installed'; readonly base: Answers; readonly answers: Answers; readonly effect: string }
  /** Ollama does not run the base, so nothing can be said of the adapter. */
  | { readonly outcome: 'base does not run'; readonly why: string }
  | { readonly outcome: 'refused'; readonly why: string }
);

export interface Measured {
  readonly version: string;
  readonly cells: readonly Cell[];
  readonly outside: readonly string[];
}

/** Installs an adapter of every base architecture by every route, through an engine, and asks base and model the same. */
export async function measureMatrix(server: TestServer): Promise<Measured> {
  const client = new OllamaClient(server.url);
  const engines = new TestEngines();
  const cells: Cell[] = [];
  try {
    const { engine } = await engines.open('ana', { ollama: server.url });
    for (const architecture of BASES) {
      const gguf = path.join(FIXTURES, architecture, 'base.f32.gguf');
      await addCalmBase(server, { model: architecture, gguf, family: architecture });
      const base = await ask(client, architecture);
      for (const route of ROUTES) cells.push(await cellOf(engine, client, architecture, route, base));
    }
    return { version: await client.version(), cells, outside: [...server.outside] };
  } finally {
    await engines.dispose();
  }
}

async function cellOf(
  engine: Engine,
  client: OllamaClient,
  architecture: BaseName,
  route: InstallRouteName,
  base: Answers | string,
): Promise<Cell> {
  const target = path.join(FIXTURES, architecture, 'adapters', ADAPTERS[architecture]);
  const as = `${architecture}-${route}`;
  try {
    const weight = WEIGHTS[architecture] ?? 1;
    const request = { target, weight, base: architecture, route, as, isCostConfirmed: true };
    const { effect } = await engine.wish('install', request);
    if (typeof base === 'string') return { architecture, route, outcome: 'base does not run', why: base };
    const answers = await ask(client, as);
    if (typeof answers === 'string') throw new Error(`${as}: ${answers}`);
    return { architecture, route, outcome: 'installed', base, answers, effect: effect.outcome };
  } catch (error) {
    if (!(error instanceof LoraSwarmError)) throw error;
    return { architecture, route, outcome: 'refused', why: error.message };
  }
}

/** @returns what Ollama says instead when it does not run the model */
async function ask(client: OllamaClient, model: string): Promise<Answers | string> {
  const options = { temperature: 0, seed: 42, num_predict: TOKENS, num_thread: 1 };
  const tops: ReadonlyMap<string, number>[] = [];
  let words = '';
  try {
    for (const prompt of PROMPTS) {
      let top: ReadonlyMap<string, number> | undefined;
      for await (const token of client.generate({
        ...{ model, prompt, raw: true, options, logprobs: true, top_logprobs: TOP },
      })) {
        top ??= token.top;
        words += token.text;
      }
      words += '\n';
      tops.push(top ?? new Map());
    }
    return { words, tops };
  } catch (error) {
    if (!(error instanceof LoraSwarmError)) throw error;
    return withoutPaths(error.message);
  }
}

function withoutPaths(text: string): string {
  return text.replace(/:?\s*\S*[\\/]blobs[\\/]sha256-[0-9a-f]+/g, '').replace(/\.$/, '');
}

/** Largest difference of a log-probability that both tell. Undefined when they tell none. */
export function distance(some: Answers, others: Answers): number | undefined {
  let largest: number | undefined;
  for (const [prompt, top] of some.tops.entries())
    for (const [token, logprob] of top) {
      const other = others.tops[prompt]?.get(token);
      if (other !== undefined) largest = Math.max(largest ?? 0, Math.abs(logprob - other));
    }
  return largest;
}
