import { MAX_PLAIN_LINE } from './limits';

/** Marks on one letter. Real scripts stay under it; stacks of them paint over neighbouring lines. */
const MAX_MARKS = 4;

/**
 * What must not reach a screen, a log or a terminal: controls and escapes, everything invisible that reorders, joins or hides
 * letters (bidi marks, zero-width characters, variation selectors, fillers that look like nothing), private use, lone
 * surrogates.
 */
const UNWANTED =
  /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;
const SPACES = /[\s\u2028\u2029]+/gu;
const MARKS = new RegExp(`(\\p{M}{${MAX_MARKS}})\\p{M}+`, 'gu');

/**
 * Text of a peer, of a file or of Ollama as one plain line. Everything that others wrote passes here before it is shown,
 * logged or printed.
 *
 * VS Code draws `$(name)` as an icon and makes a link of `[text](command:…)` in messages and quick picks: both are
 * broken by a space. Applying it twice changes nothing.
 */
export function plainText(value: unknown, limit = MAX_PLAIN_LINE): string {
  if (typeof value !== 'string') return '';
  // Cut first, so that a text of megabytes costs no more than one of a screenful.
  const plain = value
    .slice(0, limit * 8)
    .replace(SPACES, ' ')
    .replace(UNWANTED, '')
    .normalize('NFC')
    .replace(MARKS, '$1')
    .replace(/\$\(/g, '$ (')
    .replace(/\]\(/g, '] (')
    .replace(/ {2,}/g, ' ')
    .trim();
  const letters = Array.from(plain);
  return letters.length <= limit
    ? plain
    : `${letters
        .slice(0, limit - 1)
        .join('')
        .trimEnd()}…`;
}

/**
 * A longer text of somebody else with its lines and indents, without what is invisible or reorders. It is only ever shown
 * as text, so unlike `plainText` it keeps `](` and `$(`, which code and templates need.
 */
export function plainLines(text: string, limit: number): string {
  return text
    .slice(0, limit)
    .replace(/\r\n?|[\u2028\u2029]/g, '\n')
    .replace(/(?![\n\t])[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}]/gu, '');
}
