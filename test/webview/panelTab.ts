import type { Browser, Page } from 'playwright-core';
import type { OpenOptions, OpenPanel } from './panelPage';
import { THEMES } from './themes';

/** What the page is told before its scripts run, in its address. */
interface Setup {
  /** Of the panel, so that what a page says late is not taken for words of the next one. */
  readonly number: number;
  readonly className: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly kept: unknown;
}

/** A page of the browser, in which one panel after the other is shown. */
export class PanelTab {
  #panel: OpenPanel | undefined;
  #number = 0;

  private constructor(
    readonly page: Page,
    private readonly origin: string,
  ) {}

  static async open(browser: Browser, origin: string): Promise<PanelTab> {
    const page = await browser.newPage();
    const tab = new PanelTab(page, origin);
    const isShown = (number: number): boolean => number === tab.#number;
    await page.exposeFunction('hostReceives', (number: number, message: unknown) => {
      if (isShown(number)) tab.#panel?.receive(message);
    });
    await page.exposeFunction('hostKeeps', (number: number, state: unknown) => {
      if (isShown(number) && tab.#panel) tab.#panel.kept = state;
    });
    await page.addInitScript(`if (location.hash !== '') {
      const setup = JSON.parse(decodeURIComponent(location.hash.slice(1)));
      let kept = setup.kept;
      window.acquireVsCodeApi = () => ({
        postMessage: (message) => window.hostReceives(setup.number, message),
        getState: () => kept,
        setState: (state) => { kept = state; window.hostKeeps(setup.number, state); },
      });
      document.addEventListener('DOMContentLoaded', () => {
        document.body.classList.add(setup.className);
        for (const [name, value] of Object.entries(setup.variables))
          document.documentElement.style.setProperty('--vscode-' + name, value);
      });
    }`);
    return tab;
  }

  async show(panel: OpenPanel, options: OpenOptions): Promise<void> {
    const { width = 800, height = 900, reducedMotion = 'no-preference', forcedColors = 'none' } = options;
    await this.page.setViewportSize({ width, height });
    await this.page.emulateMedia({ reducedMotion, forcedColors });
    this.#panel = panel;
    const { className, variables } = THEMES[options.theme ?? 'dark'];
    const { kept, fontSize = variables['font-size'] } = options;
    const setup: Setup = {
      number: ++this.#number,
      className,
      variables: { ...variables, 'font-size': fontSize },
      kept,
    };
    // Another address each time: with another fragment alone the page would stay as it is.
    await this.page.goto(`${this.origin}/?${setup.number}#${encodeURIComponent(JSON.stringify(setup))}`);
    await this.page.locator('main > .page').waitFor();
  }

  async clear(): Promise<void> {
    this.#panel = undefined;
    await this.page.mouse.move(-1, -1); // Nothing of the next panel lies under it.
    await this.page.goto('about:blank');
  }
}
