/** Control, format (bidi, zero-width), surrogate, private and unassigned characters: invisible, or able to reorder what is read. */
const INVISIBLE = /[\p{C}\u2028\u2029]+/gu;

/** Makes one short line of what a stranger wrote. Shells still pass it through their own escaping. */
export function peerText(text: string, maxCodePoints = 80): string {
  const line = text.normalize('NFC').replace(INVISIBLE, ' ').replace(/\s+/g, ' ').trim();
  return Array.from(line).slice(0, maxCodePoints).join('');
}
