import assert from 'node:assert/strict';
import axe, { type AxeResults } from 'axe-core';
import { FULL_PAGES } from './fullPages';
import { HARD_PAGES, openReady, type HardPage } from './hardPages';
import { describeInBrowser } from './inBrowser';
import type { OpenPanel } from './panelPage';

const PAGES: Readonly<Record<string, HardPage>> = {
  ...Object.fromEntries(Object.entries(FULL_PAGES).map(([name, page]) => [`${name} that is full`, page])),
  ...HARD_PAGES,
};

/** What the rules leave open: widgets of the toolkit hand attributes on to the control inside, and contrast has a suite of its own. */
const JUDGED = new Set(['aria-allowed-attr', 'color-contrast']);

/** Rules of WCAG 2.2 and good practice that a page breaks, each with the elements; empty when none is. */
async function broken({ page }: OpenPanel): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations, incomplete } = await page.evaluate<AxeResults>('axe.run()');
  const found = [...violations, ...incomplete.filter(({ id }) => !JUDGED.has(id))];
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

describeInBrowser('the panel by the rules of accessibility', (open) => {
  for (const [name, page] of Object.entries(PAGES))
    it(`breaks none on ${name}`, async () => {
      assert.deepEqual(await broken(await openReady(open, page)), []);
    });

  it('would notice a picture without words', async () => {
    const panel = await openReady(open, PAGES['doctor']!);
    await panel.page.evaluate(`document.querySelector('main').prepend(new Image(9, 9))`);

    assert.match(String(await broken(panel)), /^image-alt: <img/);
  });
});
