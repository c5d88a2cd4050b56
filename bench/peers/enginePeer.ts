import { once } from 'node:events';
import { BroadcastChannel } from 'node:worker_threads';
import { silentLog } from '../../src/engine/log';
import type { GetRequest, GetResult, WishName, Wishes } from '../../src/engine/wishes';
import { openEngine, type ServiceClient } from '../../src/service/client';
import { answer, say } from './calls';
import { type LoopDelay, type Usage, usageCalls } from './usage';

// A process like the extension host: the service client on the main thread, the engine in its worker thread.

export interface OpenParams {
  readonly home: string;
  readonly workerPath: string;
  readonly bootstrap: readonly string[];
  /** False: chunks go on the connection of the room. */
  readonly lane?: boolean;
}

let client: ServiceClient | undefined;
/** To the engine's thread, when that is the watched one. */
let thread: BroadcastChannel | undefined;
const { watch, usage } = usageCalls();

const calls = {
  /** @returns milliseconds until the engine answered with its first state. */
  async open(params: OpenParams): Promise<number> {
    const start = performance.now();
    const opened = await openEngine({
      ...params,
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
    thread?.close();
    await client?.close();
    client = undefined;
  },

  async wish({ name, params }: { name: WishName; params: Wishes[WishName]['params'] }): Promise<unknown> {
    return await client!.wish(name, params);
  },

  /** A download as the editor asks for it, with progress. @returns also the milliseconds that it took in all. */
  async get(request: GetRequest): Promise<GetResult & { readonly ms: number; readonly over: string | undefined }> {
    const start = performance.now();
    let over: Promise<string | undefined> | undefined;
    const result = await client!.wish('get', request, {
      onProgress: (progress) => {
        if (progress.kind === 'transfer' && progress.bytesDone > 0) over ??= askPath(progress.id);
      },
    });
    return { ...result, ms: performance.now() - start, over: await over };
  },

  watch(): Promise<void> {
    thread = new BroadcastChannel('lora-swarm-bench');
    thread.postMessage('watch');
    return watch();
  },

  /** With what the engine's thread says of its own loop. */
  async usage(): Promise<Usage & { readonly engine: LoopDelay }> {
    const used = await usage();
    const answered = once(thread!, 'message') as Promise<{ readonly data: LoopDelay }[]>;
    thread!.postMessage('usage');
    const [message] = await answered;
    return { ...used, engine: message!.data };
  },
};

/** What the bytes come over. A download may have ended before it is asked. */
async function askPath(id: string): Promise<string | undefined> {
  const details = await client!.wish('transfer', { id, direction: 'download' }).catch(() => undefined);
  return details?.peers.find(({ bytes }) => bytes > 0)?.path;
}

export type EngineCalls = typeof calls;

answer(calls);
