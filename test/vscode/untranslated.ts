import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../run/machine';
import type { Workbench } from './workbench';

/** Where our texts are in the window, beside those of the editor itself. */
const OURS = [
  '.composite.title',
  '.pane-header .title',
  '.pane-body',
  '.quick-input-list .monaco-list-row',
  '.quick-input-message',
  '.quick-input-title',
  '.notification-list-item-message',
  '.dialog-message-container',
  '.monaco-hover:not(.hidden)',
];

/** Lines of the texts that a person reads or hears there. */
const readingOf = (selectors: readonly string[]): string => `(() => {
  const texts = [];
  for (const root of document.querySelectorAll(${JSON.stringify(selectors.join(', '))})) {
    if (!root.checkVisibility()) continue;
    texts.push(root.innerText);
    for (const element of [root, ...root.querySelectorAll('[aria-label], [title], [placeholder]')])
      for (const name of ['aria-label', 'title', 'placeholder']) texts.push(element.getAttribute(name) ?? '');
  }
  return texts;
})()`;

/** Finds texts that are shown in English although there is a translation. */
export class Untranslated {
  readonly #english: readonly { readonly text: string; readonly like: RegExp }[];

  constructor(language: string) {
    const pairs = [
      ...pairsOf('package.nls.json', `package.nls.${language}.json`),
      ...pairsOf('l10n/bundle.l10n.json', `l10n/bundle.l10n.${language}.json`),
    ];
    const translations = new Set(pairs.map(([, translation]) => translation));
    this.#english = pairs
      .filter(([text, translation]) => text !== translation && !translations.has(text) && isTelling(text))
      .map(([text]) => ({ text, like: likeOf(text) }));
  }

  /** Each as `English text: what is shown`. @param withPanel looks into our panel, too, which has to be open. */
  async in({ page, panel }: Workbench, { withPanel = false } = {}): Promise<string[]> {
    const texts = await page.evaluate<string[]>(readingOf(OURS));
    if (withPanel) texts.push(...(await panel.locator('body').evaluate<string[], undefined>(readingOf(['body']))));
    const lines = new Set(texts.flatMap((text) => text.split(/\n| · /)).map((line) => line.trim()));
    return [...lines].flatMap((line) =>
      this.#english.filter(({ like }) => like.test(line)).map(({ text }) => `${text}: ${line}`),
    );
  }
}

function pairsOf(english: string, translated: string): [string, string][] {
  const read = (file: string): Record<string, string> =>
    JSON.parse(fs.readFileSync(path.join(ROOT, file), 'utf8')) as Record<string, string>;
  const translations = read(translated);
  return Object.entries(read(english)).map(([key, text]) => [text, translations[key] ?? '']);
}

/** Whether the words of a text alone tell it from others. */
function isTelling(text: string): boolean {
  return !text.includes('{') || text.replace(/\{\d+\}/g, '').trim().length > 5;
}

/** A text with places for values, as it stands in a line with values in them. */
function likeOf(text: string): RegExp {
  const parts = text.split(/\{\d+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.+')}$`);
}
