/** Text for the user by its English wording; `{0}` and so on stand for the arguments. */
export type Translate = (message: string, ...args: (string | number | boolean)[]) => string;

let translate: Translate = (message, ...args) =>
  message.replace(/\{(\d+)\}/g, (hole, index: string) => String(args[Number(index)] ?? hole));
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

/** A number as the display language writes it. */
export function formatNumber(value: number, digits = 0): string {
  return value.toLocaleString(language, { maximumFractionDigits: digits });
}
