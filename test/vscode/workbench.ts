import type { FrameLocator, Locator, Page } from 'playwright-core';

const KEEP_NOTIFICATIONS = `{
  globalThis.keptNotifications = new Set();
  const keep = () => {
    for (const shown of document.querySelectorAll('.notification-toast, .monaco-dialog-box')) {
      const text = shown.textContent.trim();
      if (text !== '') globalThis.keptNotifications.add(text);
    }
  };
  new MutationObserver(keep).observe(document.body, { subtree: true, childList: true, characterData: true });
  keep();
}`;

/** The window as a person uses it: by what is written on it. Every wait ends with the page's default timeout. */
export class Workbench {
  constructor(readonly page: Page) {}

  /** Opens the workbench and waits until our extension is in it. */
  async open(url: string): Promise<void> {
    await this.page.goto(url);
    await this.page.locator('.monaco-workbench').waitFor();
    await this.statusItem.waitFor();
  }

  /** Reloads the window, which ends its extension host and starts another. */
  async reload(): Promise<void> {
    await this.page.reload();
    await this.statusItem.waitFor();
  }

  get statusItem(): Locator {
    return this.page.locator('[id="lora-swarm.lora-swarm.status"]');
  }

  /** Runs a command of the palette by its title. */
  async runCommand(title: string): Promise<void> {
    await this.showPalette(title);
    await this.option(title).first().click();
  }

  /** Opens the palette with this in its line. A page that takes the focus late closes it, so it is opened again. */
  async showPalette(text: string): Promise<void> {
    for (let left = 3; ; left--) {
      await this.page.keyboard.press('F1');
      try {
        await this.answer.fill(`>${text}`, { timeout: left > 1 ? 3_000 : 30_000 });
        return;
      } catch (error) {
        if (left === 1) throw error;
      }
    }
  }

  /** Lets our log channel take down everything. */
  async traceLog(): Promise<void> {
    await this.runCommand('Developer: Set Log Level...');
    await this.option('LoRA Swarm').click();
    await this.option('Trace').click();
    await this.answer.waitFor({ state: 'hidden' });
  }

  /** @param view that it then waits for, by its title. */
  async showSwarm(view = 'Rooms'): Promise<void> {
    const tab = this.page.getByRole('tab', { name: /^LoRA Swarm/ });
    if ((await tab.getAttribute('aria-selected')) !== 'true') await tab.click();
    await this.view(view).waitFor();
  }

  async showExplorer(): Promise<void> {
    const tab = this.page.getByRole('tab', { name: /^Explorer/ });
    if ((await tab.getAttribute('aria-selected')) !== 'true') await tab.click();
  }

  /** Opens the context menu of a file or folder that the explorer shows and picks an item of it. */
  async pickInExplorer(name: string, item: string): Promise<void> {
    await this.showExplorer();
    await this.explorerRow(name).click({ button: 'right' });
    // A menu takes no click in its first 100 ms.
    await this.page.getByRole('menuitem', { name: item }).click({ delay: 150 });
  }

  /** Opens the context menu of a row and picks an item of it. */
  async pickInRow(row: Locator, item: string): Promise<void> {
    await row.click({ button: 'right' });
    await this.page.getByRole('menuitem', { name: item }).click({ delay: 150 });
  }

  /** Answers the editor's question for a path, as its simple dialog asks it. */
  async saveAs(file: string): Promise<void> {
    await this.answer.fill(file);
    await this.answer.press('Enter');
  }

  /** What stands beside the mouse. */
  tooltip(text: string | RegExp): Locator {
    return this.page.locator('.monaco-hover:visible').filter({ hasText: text }).first();
  }

  explorerRow(name: string): Locator {
    return this.page.locator('.explorer-folders-view').getByRole('treeitem', { name, exact: true });
  }

  /** One of our views, by its title. */
  view(title: string): Locator {
    const header = this.page.locator('.pane-header').filter({ hasText: new RegExp(`^${title}`) });
    return this.page.locator('.pane').filter({ has: header });
  }

  /** A row of one of our views, by any text in it. */
  row(view: string, text: string | RegExp): Locator {
    return this.view(view).getByRole('treeitem').filter({ hasText: text });
  }

  /** Opens a row that has something below it, unless it is open. */
  async expand(row: Locator): Promise<void> {
    await row.and(this.page.locator('[aria-expanded]')).waitFor();
    if ((await row.getAttribute('aria-expanded')) === 'false') await row.click();
  }

  /** Presses a button that a row shows when the mouse is over it. */
  async pressInRow(row: Locator, action: string): Promise<void> {
    await row.hover();
    await row.getByRole('button', { name: action }).click();
  }

  /** The line that the user types into: palette, quick picks and questions. */
  get answer(): Locator {
    return this.page.locator('.quick-input-widget:visible input.input');
  }

  option(text: string | RegExp): Locator {
    return this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: text });
  }

  /** Waits for a question by the text that is asked, then answers it. Without a text, Enter takes what is there. */
  async reply(question: string | RegExp, text?: string): Promise<void> {
    await this.question(question).waitFor();
    if (text !== undefined) await this.answer.fill(text);
    await this.answer.press('Enter');
  }

  /** The widget while it asks this: the text stands below the line, or in it as placeholder. */
  question(text: string | RegExp): Locator {
    const widget = this.page.locator('.quick-input-widget:visible');
    return widget.getByText(text).or(widget.getByPlaceholder(text)).first();
  }

  /**
   * Waits for a notification by its text. A window shows at most three toasts in 800 ms and leaves the rest in its notification center,
   * which only a test is quick enough to see.
   */
  async toast(text: string | RegExp): Promise<Locator> {
    const toast = this.page.locator('.notification-list-item').filter({ hasText: text, visible: true }).first();
    const kept = this.page.locator(
      'body:not(:has(.notifications-toasts.visible)) [id="status.notifications"] .codicon-bell-dot',
    );
    await toast.or(kept).first().waitFor();
    if (!(await toast.isVisible()) && !(await this.#center.isVisible()))
      await this.runCommand('Notifications: Show Notifications');
    await toast.waitFor();
    return toast;
  }

  /** Presses a button of a notification, or closes it when none is named. */
  async pressInToast(text: string | RegExp, button?: string): Promise<void> {
    const toast = await this.toast(text);
    if (button !== undefined) await toast.getByRole('button', { name: button, exact: true }).click();
    else {
      await toast.hover();
      await toast.getByRole('button', { name: /^Clear Notification/ }).click();
    }
    await toast.waitFor({ state: 'hidden' });
    if (await this.#center.isVisible()) await this.runCommand('Notifications: Hide Notifications');
  }

  get #center(): Locator {
    return this.page.locator('.notifications-center');
  }

  /** From now on the page keeps what notifications and dialogs say, also of those that are gone again; see `notifications`. */
  async keepNotifications(): Promise<void> {
    await this.page.evaluate(KEEP_NOTIFICATIONS);
  }

  async notifications(): Promise<string[]> {
    return this.page.evaluate<string[]>('[...globalThis.keptNotifications]');
  }

  /** A modal dialog, which stands above everything. */
  dialog(text: string | RegExp): Locator {
    return this.page.getByRole('dialog').filter({ hasText: text });
  }

  /** The page inside our panel: a webview is a frame in a frame. */
  get panel(): FrameLocator {
    return this.page.frameLocator('iframe.webview.ready').frameLocator('#active-frame');
  }

  /** Waits until the clipboard holds a text like this. Nothing tells of a change of it, so it is read again and again. */
  async clipboard(like: RegExp): Promise<string> {
    for (let tries = 300; tries > 0; tries--) {
      const text = await this.page.evaluate<string>('navigator.clipboard.readText()');
      if (like.test(text)) return text;
      await this.page.waitForTimeout(100);
    }
    throw new Error(`The clipboard never held a text like ${String(like)}.`);
  }
}
