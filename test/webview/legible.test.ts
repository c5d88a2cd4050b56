import assert from 'node:assert/strict';
import { FULL_PAGES } from './fullPages';
import { openReady } from './hardPages';
import { describeInBrowser } from './inBrowser';
import { THEMES, type ThemeName } from './themes';

/** Of WCAG 2.2, level AA, for text of the size of the editor's. */
const LEAST_CONTRAST = 4.5;

/** Every text of the page whose colour is too near to what is behind it. Widgets of the toolkit and disabled controls are left out. */
const ILLEGIBLE = `(() => {
  const parse = (text) => {
    const numbers = (text.match(/-?[\\d.]+(?:e-?\\d+)?%?/g) ?? []).map((part) => part.endsWith('%') ? parseFloat(part) / 100 : parseFloat(part));
    const [r, g, b, a = 1] = text.startsWith('color(') ? [...numbers.slice(-4).length === 4 && text.includes('/') ? numbers.slice(-4) : numbers.slice(-3)].map((value, at) => at < 3 ? value * 255 : value) : numbers;
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const light = (color) => {
    const [r, g, b] = color.slice(0, 3).map((part) => { const s = part / 255; return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      layers.push(color);
      if (color[3] === 1) break;
    }
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255, 1]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.getElementById('app'), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.textContent.trim() === '' || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (element.closest('vscode-button, vscode-dropdown, vscode-text-field, [disabled], .spoken')) continue;
    const under = behind(element);
    let opacity = 1;
    for (let at = element; at; at = at.parentElement) opacity *= parseFloat(getComputedStyle(at).opacity);
    const color = parse(getComputedStyle(element).color);
    const shown = over([color[0], color[1], color[2], color[3] * opacity], under);
    const [a, b] = [light(shown), light(under)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (!(contrast >= ${LEAST_CONTRAST})) found.push(element.className + ': ' + node.textContent.trim().slice(0, 40) + ' ' + contrast.toFixed(2));
  }
  return found;
})()`;

describeInBrowser('the panel in the colours of a theme', (open) => {
  for (const [name, page] of Object.entries(FULL_PAGES))
    for (const theme of Object.keys(THEMES) as ThemeName[])
      it(`keeps every text of ${name} legible in ${theme}`, async () => {
        const panel = await openReady(open, page, { theme, width: 900 });

        assert.deepEqual(await panel.page.evaluate(ILLEGIBLE), []);
      });

  it('would notice a text that is not', async () => {
    const panel = await openReady(open, FULL_PAGES['doctor']!, { theme: 'light' });
    await panel.page.evaluate(`document.querySelector('h1').style.color = '#aaa'`);

    assert.match(String(await panel.page.evaluate(ILLEGIBLE)), /Doctor 2\.\d\d$/);
  });
});
