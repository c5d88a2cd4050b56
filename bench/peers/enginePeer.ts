import { silentLog } from '../../src/engine/log';
import type { GetRequest, GetResult, WishName, Wishes } from '../../src/engine/wishes';
import { openEngine, type ServiceClient } from '../../src/service/client';
import { answer, say } from './calls';
import { watchUsage, type Usage } from './usage';

// A process like the extension host: the service client on the main thread, the engine in its worker thread.

export interface OpenParams {
  readonly home: string;
  readonly workerPath: string;
  readonly bootstrap: readonly string[];
}

let client: ServiceClient | undefined;
let endWatch: (() => Usage) | undefined;

const calls = {
  /** @returns milliseconds until the engine answered with its first state. */
  async open({ home, workerPath, bootstrap }: OpenParams): Promise<number> {
    const start = performance.now();
    const opened = await openEngine({
      home,
      workerPath,
      bootstrap,
      host: '127.0.0.1',
      ollamaHost: 'http://127.0.0.1:9', // Nothing listens there.
      log: { ...silentLog, error: (message) => console.error(message), warn: (message) => console.error(message) },
    });
    const ms = performance.now() - start;
    if (!opened.isLeader) throw new Error('another engine holds this folder');
    client = opened;
    opened.onDidHappen((event) => say({ event }));
    return ms;
  },

  async close(): Promise<void> {
    await client?.close();
    client = undefined;
  },

  async wish({ name, params }: { name: WishName; params: Wishes[WishName]['params'] }): Promise<unknown> {
    return await client!.wish(name, params);
  },

  /** A download as the editor asks for it, with progress. @returns also the milliseconds that it took in all. */
  async get(request: GetRequest): Promise<GetResult & { readonly ms: number }> {
    const start = performance.now();
    const result = await client!.wish('get', request, { onProgress: () => undefined });
    return { ...result, ms: performance.now() - start };
  },

  watch(): Promise<void> {
    endWatch = watchUsage();
    return Promise.resolve();
  },

  usage(): Promise<Usage> {
    return Promise.resolve(endWatch!());
  },
};

export type EngineCalls = typeof calls;

answer(calls);
