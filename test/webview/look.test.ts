import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../run/machine';
import { HARD_PAGES, openReady } from './hardPages';
import { describeInBrowser } from './inBrowser';
import { buildWebview } from './panelPage';
import { downloaded } from './samples';

/** Elements that reach out of the page to the side. What is cut with an ellipsis does not. */
const TOO_WIDE = `[...document.querySelectorAll('body, main, .page, .page *')]
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 1 || element.getBoundingClientRect().left < -1)
  .filter((element) => {
    for (let at = element.parentElement; at; at = at.parentElement)
      if (getComputedStyle(at).overflowX !== 'visible' && at.getBoundingClientRect().right <= innerWidth + 1 && at.tagName !== 'MAIN')
        return false;
    return true;
  })
  .map((element) => element.tagName + '.' + element.getAttribute('class'))`;

describeInBrowser('the panel in a narrow place', (open) => {
  for (const [name, page] of Object.entries(HARD_PAGES)) {
    it(`keeps ${name} inside 300 px, whatever is written there`, async () => {
      const panel = await openReady(open, page, { width: 300 });

      assert.deepEqual(await panel.page.evaluate(TOO_WIDE), []);
    });

    it(`keeps ${name} inside the window at twice the text size`, async () => {
      const panel = await openReady(open, page, { width: 600, fontSize: '26px' });

      assert.deepEqual(await panel.page.evaluate(TOO_WIDE), []);
    });
  }

  it('keeps the columns of a transfer apart at every width and text size', async () => {
    for (const [width, fontSize] of [
      [1_000, '26px'],
      [1_000, '13px'],
      [810, '13px'],
      [740, '13px'],
    ] as const) {
      const panel = await open({ ...HARD_PAGES['transfer'], width, fontSize });
      await panel.page.locator('.source').first().waitFor();

      assert.deepEqual(await panel.page.evaluate(TOO_WIDE), [], `${width} ${fontSize}`);
      const isCut = await panel.page.evaluate<boolean>(`{
        const { scrollWidth, offsetWidth } = document.querySelector('.source:not(.head) .of-path > span');
        scrollWidth > offsetWidth;
      }`);
      assert.ok(!isCut, `${width} ${fontSize}`);
    }
  });

  it('makes rows as high as the text needs', async () => {
    const height = async (fontSize: string): Promise<number> => {
      const panel = await open({ ...HARD_PAGES['explore'], fontSize });
      await panel.page.locator('.row').first().waitFor();
      return panel.page.evaluate<number>(`{
        const row = document.querySelector('.row').getBoundingClientRect();
        const text = document.querySelector('.row-main').getBoundingClientRect();
        if (text.bottom > row.bottom) throw new Error('the text is cut');
        row.height;
      }`);
    };

    assert.equal(await height('26px'), 2 * (await height('13px')));
  });
});

describeInBrowser('the panel for people with other eyes and ears', (open) => {
  it('stands still where less motion is asked for', async () => {
    const panel = await open({
      ...HARD_PAGES['adapter'],
      reducedMotion: 'reduce',
      answers: { adapter: () => downloaded(0) },
    });
    await panel.page.locator('.bar-done').waitFor({ state: 'attached' });

    assert.equal(
      await panel.page.evaluate('getComputedStyle(document.querySelector(".bar-done")).transitionProperty'),
      'none',
    );

    const waiting = await open({ reducedMotion: 'reduce', answers: { list: () => new Promise(() => undefined) } });
    await waiting.page.getByText('Loading…').waitFor();
    assert.equal(await waiting.page.locator('vscode-progress-ring').count(), 0);
  });

  it('names every control', async () => {
    for (const [name, page] of Object.entries(HARD_PAGES)) {
      const panel = await openReady(open, page);

      const controls = await panel.page
        .getByRole('button')
        .or(panel.page.getByRole('textbox'))
        .or(panel.page.getByRole('combobox'))
        .or(panel.page.getByRole('spinbutton'))
        .or(panel.page.getByRole('slider'))
        .all();
      const nameless = [];
      for (const control of controls) {
        const shown = await control.ariaSnapshot();
        if (!/"[^"]+"/.test(shown)) nameless.push(shown);
      }

      assert.ok(controls.length > 1, name);
      assert.deepEqual(nameless, [], name);
    }
  });

  it('shows in forced colours where answers part, and which page is open', async () => {
    const panel = await openReady(open, HARD_PAGES['compare']!, { theme: 'contrast', forcedColors: 'active' });

    const [mark, here, elsewhere] = await panel.page.evaluate<string[]>(`[
      [...new Set(['color', 'backgroundColor'].map((name) => getComputedStyle(document.querySelector('mark'))[name]))].length,
      ...['.tab[aria-current]', '.tab:not([aria-current])'].map((tab) => getComputedStyle(document.querySelector(tab)).borderBlockEndColor),
    ].map(String)`);

    assert.equal(mark, '2');
    assert.notEqual(here, elsewhere);
    assert.equal(elsewhere, await panel.page.evaluate('getComputedStyle(document.body).backgroundColor'));
  });

  it('speaks the language of the editor, and says which', async () => {
    const panel = await open({ ...HARD_PAGES['explore'], language: 'pt-br', width: 800 });
    await panel.page.locator('.row').first().waitFor();

    assert.equal(await panel.page.evaluate('document.documentElement.lang'), 'pt-br');
    assert.match((await panel.page.locator('.row').nth(1).textContent()) ?? '', /13,2 MB/);
  });
});

describe('what the panel is made of', () => {
  it('takes all colours from the theme', () => {
    const css = fs.readFileSync(path.join(ROOT, 'media/panel.css'), 'utf8');

    assert.deepEqual(
      css.match(/#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch)a?\(|:\s*(?:black|white|red|green|blue|gray|grey)\b/gi),
      null,
    );
    assert.doesNotMatch(css, /url\(|@import/);
  });

  it('is a small script', async () => {
    const script = await buildWebview();

    // Two thirds of it are the widgets of the toolkit.
    assert.ok(Buffer.byteLength(script) < 190_000, `${Buffer.byteLength(script)} bytes`);
  });
});
