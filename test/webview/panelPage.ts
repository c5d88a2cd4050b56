import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { build } from 'esbuild';
import { chromium, type Browser, type ConsoleMessage, type Page, type Request, type Response } from 'playwright-core';
import { Emitter } from '../../src/engine/events';
import { silentLog } from '../../src/engine/log';
import type { EngineState } from '../../src/engine/state';
import type { WishName, WishOptions, Wishes } from '../../src/engine/wishes';
import type { FromPanel, PanelPage, ToPanel } from '../../src/shared/panelProtocol';
import { EMPTY_STATE, type EngineHandle } from '../../src/ui/engineHandle';
import type { PanelCommand } from '../../src/ui/panel/panelCommands';
import { panelHtml } from '../../src/ui/panel/panelHtml';
import { MergePlaces } from '../../src/ui/panel/mergePlaces';
import { PanelSession, type PanelSessionParts } from '../../src/ui/panel/panelSession';
import { ROOT } from '../run/machine';
import { PanelTab } from './panelTab';
import type { ThemeName } from './themes';

/** Nothing but loopback is resolved, and nothing calls home. */
const BROWSER_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--no-first-run',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
];

/** The bundle as `esbuild.mjs` makes it for a package, from the sources as they are now. */
export async function buildWebview(): Promise<string> {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: ['webview/main.ts'],
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    write: false,
    logLevel: 'error',
  });
  return result.outputFiles[0]!.text;
}

type Answers = {
  readonly [N in WishName]?: (
    params: Wishes[N]['params'],
    options?: WishOptions,
  ) => Wishes[N]['result'] | Promise<Wishes[N]['result']>;
};

export interface OpenOptions {
  readonly page?: PanelPage;
  readonly state?: Partial<EngineState>;
  readonly answers?: Answers;
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
  readonly language?: string;
  readonly fontSize?: string;
  /** What the editor kept of the last time. */
  readonly kept?: unknown;
  /** Adapters in the workspace. */
  readonly found?: Awaited<ReturnType<PanelSessionParts['findAdapters']>>;
  /** What the user picks in the dialogs of the editor. */
  readonly pickedAdapter?: string;
  readonly pickedFolder?: string;
  readonly reducedMotion?: 'reduce' | 'no-preference';
  /** As the high contrast of Windows. */
  readonly forcedColors?: 'active' | 'none';
}

/** One browser and one server for a suite. */
export class PanelBrowser {
  /** Of panels that were closed. A page that is used again is there in half the time of a new one. */
  readonly #free: PanelTab[] = [];

  private constructor(
    private readonly browser: Browser,
    private readonly server: http.Server,
    private readonly origin: string,
  ) {}

  static async start(executablePath: string): Promise<PanelBrowser> {
    const script = await buildWebview();
    const style = fs.readFileSync(path.join(ROOT, 'media/panel.css'));
    const server = http.createServer((request, response) => {
      if (request.url === '/main.js') response.setHeader('content-type', 'text/javascript').end(script);
      else if (request.url === '/panel.css') response.setHeader('content-type', 'text/css').end(style);
      else {
        const cspSource = `http://${request.headers.host ?? ''}`;
        const html = panelHtml({ cspSource, scriptUri: '/main.js', styleUri: '/panel.css', language: 'en' });
        response.setHeader('content-type', 'text/html').end(html);
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const browser = await chromium.launch({ executablePath, args: BROWSER_ARGS });
    return new PanelBrowser(browser, server, `http://127.0.0.1:${port}`);
  }

  async open(options: OpenOptions = {}): Promise<OpenPanel> {
    const tab = this.#free.pop() ?? (await PanelTab.open(this.browser, this.origin));
    const panel = new OpenPanel(tab.page, options, async () => {
      await tab.clear();
      this.#free.push(tab);
    });
    await tab.show(panel, options);
    return panel;
  }

  async close(): Promise<void> {
    await this.browser.close();
    this.server.close();
    await once(this.server, 'close');
  }
}

/**
 * The panel as it runs in the editor, with the real page, the real policy and the real session behind it. Only the two
 * ends are ours: the messages travel through the browser's driver, and the engine answers from memory.
 */
export class OpenPanel {
  readonly intents: FromPanel[] = [];
  readonly commands: PanelCommand[] = [];
  readonly copied: string[] = [];
  readonly wishes: { readonly name: WishName; readonly params: unknown }[] = [];
  readonly posted: ToPanel[] = [];
  /** Errors of scripts and refusals of the policy. */
  readonly complaints: string[] = [];
  readonly requests: string[] = [];
  /** Requests that something answered. */
  readonly answered: string[] = [];
  title = '';
  kept: unknown;
  readonly #changed = new Emitter<EngineState>();
  readonly #arrived = new Emitter<void>();
  readonly #session: PanelSession;
  #state: EngineState;
  #sending: Promise<unknown> = Promise.resolve();
  readonly #onConsole = (message: ConsoleMessage): void => {
    if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text());
  };
  readonly #onError = (error: Error): void => void this.complaints.push(String(error));
  readonly #onRequest = (request: Request): void => void this.requests.push(request.url());
  readonly #onResponse = (response: Response): void => void this.answered.push(response.url());

  constructor(
    readonly page: Page,
    private readonly options: OpenOptions,
    private readonly release: () => Promise<void>,
  ) {
    this.#state = { ...EMPTY_STATE, ...options.state };
    this.kept = options.kept;
    page.on('console', this.#onConsole);
    page.on('pageerror', this.#onError);
    page.on('request', this.#onRequest);
    page.on('response', this.#onResponse);
    const engine: Pick<EngineHandle, 'wish' | 'state' | 'onDidChangeState'> = {
      wish: (name, params, wishOptions) => this.#wish(name, params, wishOptions),
      state: this.#state,
      onDidChangeState: this.#changed.event,
    };
    Object.defineProperty(engine, 'state', { get: () => this.#state });
    this.#session = new PanelSession(
      {
        engine,
        log: silentLog,
        language: options.language ?? 'en',
        post: (message) => this.post(message),
        run: (command) => this.commands.push(command),
        copy: (text) => this.copied.push(text),
        setTitle: (title) => (this.title = title),
        places: new MergePlaces(),
        findAdapters: () => Promise.resolve(options.found ?? []),
        pickAdapter: () => Promise.resolve(options.pickedAdapter),
        pickFolder: () => Promise.resolve(options.pickedFolder),
      },
      options.page ?? { page: 'explore' },
    );
  }

  /** A message of the page. */
  receive(message: unknown): void {
    this.intents.push(message as FromPanel);
    this.#session.receive(message);
    this.#arrived.fire();
  }

  /** Sends a message as the extension does; in order, as the editor does. */
  post(message: ToPanel): void {
    this.posted.push(message);
    const send = `window.postMessage(${JSON.stringify(message)}, '*')`;
    this.#sending = this.#sending.then(() => this.page.evaluate(send)).catch(() => undefined);
  }

  /** Waits until all that was posted is drawn. */
  async arrived(): Promise<void> {
    await this.#sending;
    await this.page.evaluate('new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))');
  }

  setState(change: Partial<EngineState>): void {
    this.#state = { ...this.#state, ...change };
    this.#changed.fire(this.#state);
  }

  /** Waits until the webview has posted something like this. */
  async intent<T extends FromPanel['type']>(
    type: T,
    isIt: (intent: FromPanel & { readonly type: T }) => boolean = () => true,
  ): Promise<FromPanel & { readonly type: T }> {
    const find = (): (FromPanel & { readonly type: T }) | undefined =>
      this.intents.find(
        (item): item is FromPanel & { readonly type: T } =>
          item.type === type && isIt(item as FromPanel & { readonly type: T }),
      );
    for (let found = find(); ; found = find()) {
      if (found) return found;
      await this.nextIntent();
    }
  }

  nextIntent(): Promise<void> {
    return new Promise((resolve) => {
      const listening = this.#arrived.event(() => {
        listening.dispose();
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    this.#session.dispose();
    await this.#sending;
    this.page.off('console', this.#onConsole);
    this.page.off('pageerror', this.#onError);
    this.page.off('request', this.#onRequest);
    this.page.off('response', this.#onResponse);
    await this.release();
  }

  async #wish<N extends WishName>(
    name: N,
    params: Wishes[N]['params'],
    options?: WishOptions,
  ): Promise<Wishes[N]['result']> {
    this.wishes.push({ name, params });
    const answer = this.options.answers?.[name];
    if (!answer) throw new Error(`the test has no answer for ${name}`);
    return await answer(params, options);
  }
}
