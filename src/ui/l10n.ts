/** Text for the user by its English wording; `{0}` and so on stand for the arguments. */
export type Translate = (message: string, ...args: (string | number | boolean)[]) => string;

/** A text in the words it comes in. */
export const fillHoles: Translate = (message, ...args) =>
  message.replace(/\{(\d+)\}/g, (hole, index: string) => String(args[Number(index)] ?? hole));

let translate = fillHoles;
let language = 'en';

/** Called once by `activate` with `vscode.l10n.t`. Before that, and outside the editor, text is English. */
export function useTranslation(from: Translate, displayLanguage: string): void {
  translate = from;
  language = displayLanguage;
}

/** Every text of the window goes through here, so that drawing stays free of `vscode` and can be tried without it. */
export const t: Translate = (message, ...args) => translate(message, ...args);

/** `2nd`, as the display language writes it. */
export function formatOrdinal(value: number): string {
  const number = formatNumber(value);
  switch (new Intl.PluralRules(language, { type: 'ordinal' }).select(value)) {
    case 'one':
      return t('{0}st', number);
    case 'two':
      return t('{0}nd', number);
    case 'few':
      return t('{0}rd', number);
    default:
      return t('{0}th', number);
  }
}

const AGES: readonly (readonly [unit: Intl.RelativeTimeFormatUnit, seconds: number])[] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** `3 days ago`, as the display language says it. @param timeMs Since 1970. */
export function formatAgo(timeMs: number, nowMs = Date.now()): string {
  const seconds = Math.min(0, (timeMs - nowMs) / 1_000); // A clock that was set back makes nothing happen later.
  const [unit, size] = AGES.find(([, length]) => -seconds >= length) ?? ['second', 1];
  return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(Math.trunc(seconds / size), unit);
}

/** A number as the display language writes it. */
export function formatNumber(value: number, digits = 0): string {
  return value.toLocaleString(language, { maximumFractionDigits: digits });
}
