import { t } from './l10n';
import { peerText } from './text';

/** A text of the engine: `parts` stand around its holes, `holes` are the numbers of these, in the order of the text. */
interface Sentence {
  readonly text: string;
  readonly parts: readonly string[];
  readonly holes: readonly number[];
  /** Known also inside of another sentence, where names and paths of the user stand, too. */
  readonly isTelling: boolean;
}

/** Of what is looked at; the engine says nothing that is longer. */
const MAX_LENGTH = 1_000;
/** Fewer letters beside the holes would be found in anything. */
const MIN_LETTERS = 6;
const TELLING_WORDS = 3;
/** A sentence in a sentence in a sentence: the engine makes no more. */
const MAX_DEPTH = 3;
/** Sentences of one message that are looked at; what comes after stays as it is. */
const MAX_SENTENCES = 8;

let texts: readonly string[] = [];
let sentences: readonly Sentence[] | undefined;

/** Called once by `activate` with all English texts that have a translation. Before that, and in English, nothing changes. */
export function useSentences(english: readonly string[]): void {
  texts = english;
  sentences = undefined;
}

/**
 * What the engine says, in the language of the editor, made plain for one line. The engine itself speaks English, to terminals and
 * logs too, so its sentences are known here by their words; what is not known stays as it is.
 */
export function engineText(message: unknown, max?: number): string {
  if (texts.length === 0) return peerText(message, max);
  sentences ??= texts.flatMap(sentenceOf).sort((a, b) => lettersOf(b.parts) - lettersOf(a.parts));
  // Cut afterwards: the half of a sentence is not known.
  return peerText(translated(peerText(message, MAX_LENGTH), sentences, 0), max);
}

function translated(plain: string, known: readonly Sentence[], depth: number): string {
  const whole = translatedWhole(plain, known, depth);
  if (whole !== undefined) return whole;
  const ends = [...plain.matchAll(/[.?] (?=["A-Z])/g)].slice(0, MAX_SENTENCES).map(({ index }) => index + 1);
  if (ends.length === 0) return plain;
  // As many sentences as are known together, or the first as it is; then the rest.
  for (const end of [...ends].reverse()) {
    const begin = translatedWhole(plain.slice(0, end), known, depth);
    if (begin !== undefined) return `${begin} ${translated(plain.slice(end + 1), known, depth)}`;
  }
  return depth > 0 ? plain : `${plain.slice(0, ends[0])} ${translated(plain.slice(ends[0]! + 1), known, depth + 1)}`;
}

function translatedWhole(plain: string, known: readonly Sentence[], depth: number): string | undefined {
  for (const sentence of known) {
    if (depth > 0 && !sentence.isTelling) continue;
    const found = valuesIn(plain, sentence.parts);
    if (!found) continue;
    const values: string[] = [];
    sentence.holes.forEach((hole, at) => {
      values[hole] = depth < MAX_DEPTH ? translated(found[at]!, known, depth + 1) : found[at]!;
    });
    return t(sentence.text, ...values);
  }
  return undefined;
}

/** What stands in the holes, each as short as can be; undefined when it is another sentence. Takes one look at each letter. */
function valuesIn(plain: string, parts: readonly string[]): string[] | undefined {
  const [first = '', ...others] = parts;
  const last = others.pop();
  if (last === undefined) return plain === first ? [] : undefined;
  if (!plain.startsWith(first) || !plain.endsWith(last)) return undefined;
  const values: string[] = [];
  let at = first.length;
  for (const part of others) {
    const next = plain.indexOf(part, at + 1);
    if (next < 0) return undefined;
    values.push(plain.slice(at, next));
    at = next + part.length;
  }
  const end = plain.length - last.length;
  return end > at ? [...values, plain.slice(at, end)] : undefined;
}

function sentenceOf(text: string): Sentence[] {
  const parts = text.split(/\{\d+\}/);
  const letters = parts.join(' ').trim();
  if (letters.length < MIN_LETTERS) return [];
  const holes = [...text.matchAll(/\{(\d+)\}/g)].map(([, hole]) => Number(hole));
  return [{ text, parts, holes, isTelling: letters.split(/\s+/).length >= TELLING_WORDS }];
}

function lettersOf(parts: readonly string[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
