/** Where two answers part. */
export interface Parting {
  readonly isIdentical: boolean;
  /** Characters (UTF-16) that both begin with, up to the end of a word. */
  readonly at: number;
  /** Words in them. */
  readonly words: number;
}

/** Compares what two models said. White space at the ends is no difference that anybody sees. */
export function parting(base: string, model: string): Parting {
  const [a, b] = [base.trimEnd(), model.trimEnd()];
  if (a === b) return { isIdentical: true, at: a.length, words: countWords(a) };
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same++;
  const at = isBetweenWords(a, b, same) ? same : lastSpace(a.slice(0, same));
  return { isIdentical: false, at, words: countWords(a.slice(0, at)) };
}

/** Cuts a text at the parting: what is common, the first word that is not, and the rest. */
export function cutAt(text: string, at: number): readonly [common: string, word: string, rest: string] {
  const own = text.slice(at);
  const word = /^\s*\S+/u.exec(own)?.[0] ?? own;
  return [text.slice(0, at), word, own.slice(word.length)];
}

function isBetweenWords(a: string, b: string, at: number): boolean {
  const isSpace = (text: string): boolean => at >= text.length || /\s/u.test(text[at]!);
  return at === 0 || /\s/u.test(a[at - 1]!) || (isSpace(a) && isSpace(b));
}

function lastSpace(text: string): number {
  return text.length - (/\S*$/u.exec(text)?.[0].length ?? 0);
}

function countWords(text: string): number {
  return text.match(/\S+/gu)?.length ?? 0;
}
