import { chromium, type Browser, type Page } from 'playwright-core';
import { findBrowser } from '../run/machine';

/** A browser window for one workbench. */
export interface Window {
  readonly browser: Browser;
  readonly page: Page;
  /** Requests to anything but loopback: there must be none. */
  readonly external: readonly string[];
  close(): Promise<void>;
}

export interface WindowOptions {
  readonly size?: { readonly width: number; readonly height: number } | undefined;
  /** As with a language pack: extensions speak this language. What the editor itself says stays English. */
  readonly language?: string | undefined;
}

/** Opens headless Chromium that can resolve no name and reach nothing but loopback. */
export async function openWindow({ size, language }: WindowOptions = {}): Promise<Window> {
  const executablePath = findBrowser();
  if (executablePath === undefined) throw new Error('No Chromium here. Install it, or name it in LORA_SWARM_CHROMIUM.');
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox', // Chromium has none for root, which is who runs it in a container.
      '--disable-dev-shm-usage',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-domain-reliability',
      '--disable-sync',
      '--no-first-run',
      '--no-default-browser-check',
      '--disable-features=OptimizationHints,MediaRouter,Translate',
      '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
    ],
  });
  const permissions = ['clipboard-read', 'clipboard-write'];
  const context = await browser.newContext({
    viewport: size ?? { width: 1280, height: 800 },
    locale: 'en-US',
    permissions,
  });
  if (language !== undefined)
    await context.addInitScript(`globalThis._VSCODE_NLS_LANGUAGE = ${JSON.stringify(language)}`);
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);

  const external: string[] = [];
  const note = (address: string) => {
    const { protocol, hostname } = new URL(address);
    if (/^(https?|wss?):$/.test(protocol) && hostname !== '127.0.0.1') external.push(address);
  };
  // Files of a webview have an address elsewhere, but a service worker of the page answers for it.
  page.on('response', (response) => {
    if (!response.fromServiceWorker()) note(response.url());
  });
  page.on('requestfailed', (request) => note(request.url()));
  page.on('websocket', (socket) => note(socket.url()));
  return { browser, page, external, close: () => browser.close() };
}
