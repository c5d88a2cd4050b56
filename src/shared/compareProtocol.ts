import type { CompareSide } from '../engine/deployWishes';
import { isModelName } from './panelFields';

/** Two screens of text. A context of 2,048 tokens holds about as much. */
export const MAX_PROMPT_LENGTH = 8_192;
/** A comparison is looked at, not waited for: at 5 tokens a second this takes three minutes a side. */
export const MAX_COMPARE_TOKENS = 1_024;

/** Webview to extension. */
export type CompareIntent =
  | {
      readonly type: 'compare';
      readonly base: string;
      readonly model: string;
      readonly prompt: string;
      readonly tokens: number;
    }
  | { readonly type: 'stopCompare' };

/** What one side has said so far, and its figures once it has finished. */
export interface CompareAnswer {
  readonly text: string;
  readonly done?: Pick<CompareSide, 'tokens' | 'seconds'>;
}

/** The comparison that runs, or the last one. */
export interface CompareRun {
  readonly phase: 'running' | 'done' | 'stopped' | 'failed';
  readonly base: string;
  readonly model: string;
  readonly prompt: string;
  readonly answers: { readonly base: CompareAnswer; readonly model: CompareAnswer };
}

export function parseCompare(from: Readonly<Record<string, unknown>>): CompareIntent | undefined {
  if (from['type'] === 'stopCompare') return { type: 'stopCompare' };
  const { base, model, prompt, tokens } = from;
  if (!isModelName(base) || !isModelName(model)) return undefined;
  if (typeof prompt !== 'string' || prompt.trim() === '' || prompt.length > MAX_PROMPT_LENGTH) return undefined;
  if (typeof tokens !== 'number' || !Number.isSafeInteger(tokens) || tokens < 1 || tokens > MAX_COMPARE_TOKENS)
    return undefined;
  return { type: 'compare', base, model, prompt, tokens };
}
