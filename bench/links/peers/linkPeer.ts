import { silentLog } from '../../../src/engine/log';
import type { GetRequest, GetResult, WishName, Wishes } from '../../../src/engine/wishes';
import { openEngine, type ServiceClient } from '../../../src/service/client';
import { answer } from '../../peers/calls';

// An engine in its worker thread, as a window has it, at any address.

export interface LinkOpenParams {
  readonly home: string;
  readonly workerPath: string;
  readonly bootstrap: readonly string[];
  readonly host: string;
  /** False: the connection of the rooms only, also between two on one network. */
  readonly lane: boolean;
}

/** What a download had at a time. */
export interface Sample {
  /** By the clock that all processes share. */
  readonly at: number;
  readonly bytes: number;
}

export interface Got extends GetResult {
  readonly startedAt: number;
  readonly endedAt: number;
}

let client: ServiceClient | undefined;
const arrived = new Map<string, number>();
const samples: Sample[] = [];
const running = new Map<string, AbortController>();

const now = (): number => performance.timeOrigin + performance.now();

const calls = {
  async open(params: LinkOpenParams): Promise<void> {
    const opened = await openEngine({
      ...params,
      ollamaHost: 'http://127.0.0.1:9', // Nothing listens there.
      log: { ...silentLog, error: (message) => console.error(message), warn: (message) => console.error(message) },
    });
    if (!opened.isLeader) throw new Error('another engine holds this folder');
    client = opened;
  },

  async wish({ name, params }: { name: WishName; params: Wishes[WishName]['params'] }): Promise<unknown> {
    return await client!.wish(name, params);
  },

  /** @returns undefined when `stop` ended it. */
  async get(request: GetRequest): Promise<Got | undefined> {
    const stop = new AbortController();
    running.set(request.target, stop);
    const startedAt = now();
    try {
      const result = await client!.wish('get', request, {
        signal: stop.signal,
        onProgress: (progress) => {
          if (progress.kind === 'transfer') note(progress.id, progress.bytesDone);
        },
      });
      note(result.id, result.bytes);
      return { ...result, startedAt, endedAt: now() };
    } catch (error) {
      if (stop.signal.aborted) return undefined;
      throw error;
    } finally {
      running.delete(request.target);
    }
  },

  stop(): Promise<void> {
    for (const stop of running.values()) stop.abort();
    return Promise.resolve();
  },

  /** What came of a running download until now, to the byte. Progress is told four times a second only. */
  async arrived(id: string): Promise<Sample> {
    const { peers } = await client!.wish('transfer', { id, direction: 'download' }).catch(() => ({ peers: [] }));
    return { at: now(), bytes: peers.reduce((sum, { bytes }) => sum + bytes, 0) };
  },

  /** Of all downloads together. */
  samples(): Promise<readonly Sample[]> {
    return Promise.resolve(samples);
  },
};

export type LinkCalls = typeof calls;

function note(id: string, bytes: number): void {
  arrived.set(id, bytes);
  samples.push({ at: now(), bytes: [...arrived.values()].reduce((sum, more) => sum + more, 0) });
}

answer(calls);
