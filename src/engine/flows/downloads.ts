import { LoraSwarmError, hasCode, isAbort } from '../errors';
import { Emitter, type Event } from '../events';
import type { TransferChannel } from '../net/transferChannel';
import { fullName } from '../registry/summary';
import type { Manifest } from '../release/manifest';
import type { SignedRelease } from '../release/release';
import type { TransferState } from '../state';
import { PartialPackage } from '../store/partialPackage';
import { checkSpace } from '../store/space';
import { Leecher, type DownloadProgress } from '../transfer/leecher';
import { RateLimit } from '../transfer/rate';
import type { EngineEvent } from '../wishes';
import { ContentSources } from './contentSources';
import type { EngineParts } from './parts';

export type DownloadsParts = Pick<EngineParts, 'store' | 'library' | 'settings' | 'catalog' | 'rooms' | 'log'> & {
  readonly onDidLink: Event<TransferChannel>;
  readonly limit: RateLimit;
  readonly onHappen: (event: EngineEvent) => void;
};

export interface DownloadRequest {
  readonly id: string;
  readonly release: SignedRelease | undefined;
  readonly roomIds: readonly string[];
  /** Bytes per second of this download alone; 0 is no limit. */
  readonly maxRate: number;
}

export interface Downloaded {
  readonly path: string;
  readonly bytes: number;
  readonly seconds: number;
  readonly sources: number;
  readonly resumedBytes: number;
  readonly refetchedBytes: number;
}

/** What the journal keeps of a download beside its chunks. */
interface DownloadData {
  readonly roomIds: readonly string[];
  readonly maxRate: number;
  readonly isPaused: boolean;
}

interface Running {
  readonly request: DownloadRequest;
  readonly leecher: Leecher;
  readonly done: Promise<Downloaded>;
  readonly stop: AbortController;
  /** Those who wait for it and may give up. One that goes on from the last run has none. */
  askers: number;
  state: TransferState;
}

/** Downloads in progress: each package once, however many ask for it. Begun ones go on when the engine starts again. */
export class Downloads {
  readonly #running = new Map<string, Running>();
  /** What did not end well, or ended a moment ago, until it is asked again or dismissed. */
  readonly #ended = new Map<string, TransferState>();
  readonly #progressed = new Emitter<TransferState>();
  readonly onDidProgress = this.#progressed.event;
  readonly #changed = new Emitter<void>();
  readonly onDidChange = this.#changed.event;

  constructor(private readonly parts: DownloadsParts) {}

  get states(): readonly TransferState[] {
    const waiting = this.parts.store.journal
      .list()
      .filter(({ id }) => !this.#running.has(id) && !this.#ended.has(id))
      .map((record) =>
        pausedState(
          record.id,
          record.release ? fullName(record.release.release) : record.id.slice(0, 8),
          record.bytesDone,
          record.manifest.size,
        ),
      );
    return [...[...this.#running.values()].map(({ state }) => state), ...this.#ended.values(), ...waiting];
  }

  /** Takes up what the last run of the engine did not end. Waits for nothing. */
  takeUp(): void {
    for (const record of this.parts.store.journal.list()) {
      const data = readData(record.data);
      if (data.isPaused) continue;
      this.#start(
        { id: record.id, release: record.release, roomIds: data.roomIds, maxRate: data.maxRate },
        record.manifest,
      ).done.catch(() => undefined);
    }
  }

  /** Fetches a package, or joins the one who fetches it already. @throws as `Leecher.run` */
  fetch(request: DownloadRequest): Promise<Downloaded> {
    const running =
      this.#running.get(request.id) ?? this.#start(request, this.parts.store.journal.get(request.id)?.manifest);
    running.askers++;
    return running.done;
  }

  /** One who asked gave up. When it was the last one, the download is paused. */
  async leave(id: string): Promise<void> {
    const running = this.#running.get(id);
    if (!running || --running.askers > 0) return;
    this.#keep(running.request, true);
    running.stop.abort();
    await running.done.catch(() => undefined);
  }

  isRunning(id: string): boolean {
    return this.#running.has(id);
  }

  /** Stops asking peers and keeps what is there, also over restarts. */
  async pause(id: string): Promise<void> {
    const running = this.#running.get(id);
    if (!running) return;
    await running.leecher.pause();
    this.#keep(running.request, true);
    this.#set(running, { ...running.state, phase: 'paused', rate: 0, sources: 0 });
  }

  /** @throws {LoraSwarmError} `ID_UNKNOWN` when nothing of it was begun. */
  resume(id: string): void {
    const running = this.#running.get(id);
    if (running) {
      this.#keep(running.request, false);
      running.leecher.resume();
      return;
    }
    const record = this.parts.store.journal.get(id);
    if (!record)
      throw new LoraSwarmError('ID_UNKNOWN', 'There is no such download to resume. Download the adapter again.');
    const data = readData(record.data);
    const request = { id, release: record.release, roomIds: data.roomIds, maxRate: data.maxRate };
    this.#start(request, record.manifest).done.catch(() => undefined);
    this.#keep(request, false);
  }

  /** Ends a download and removes what is there of it. */
  async cancel(id: string): Promise<void> {
    this.#ended.delete(id);
    const running = this.#running.get(id);
    if (running) {
      running.leecher.cancel();
      await running.done.catch(() => undefined);
    } else {
      const record = this.parts.store.journal.get(id);
      if (record) await (await PartialPackage.open(this.parts.store, record.manifest)).discard();
    }
    this.#ended.delete(id);
    this.#changed.fire();
  }

  /** Ends all of them and keeps what is there. */
  async close(): Promise<void> {
    const all = [...this.#running.values()];
    for (const { stop } of all) stop.abort();
    await Promise.allSettled(all.map(({ done }) => done));
  }

  #start(request: DownloadRequest, manifest: Manifest | undefined): Running {
    const { id, release } = request;
    this.#ended.delete(id);
    const stop = new AbortController();
    const sources = new ContentSources(this.parts, id, request.roomIds);
    const seeking = this.parts.rooms.seek(id, request.roomIds);
    const own = new RateLimit(request.maxRate);
    let partial: PartialPackage | undefined; // The leecher knows only the side of it that it uses.
    const openPartial = async (found: Manifest): Promise<PartialPackage> => {
      this.#checkQuota(found);
      const data: DownloadData = { roomIds: request.roomIds, maxRate: request.maxRate, isPaused: false };
      partial = await PartialPackage.open(this.parts.store, found, { release, data, signal: stop.signal });
      return partial;
    };
    const limits = request.maxRate > 0 ? [own, this.parts.limit] : [this.parts.limit];
    const leecher = new Leecher({ sources, openPartial, limits, log: this.parts.log }, id, {
      signal: stop.signal,
      onProgress: (progress) => this.#onProgress(id, progress),
      ...(manifest ? { manifest } : {}),
    });
    const run = async (): Promise<Downloaded> => {
      const {
        sources: givers,
        resumedBytes,
        refetchedBytes,
        seconds,
      } = await leecher.run().catch(async (error: unknown) => {
        // The disk became full on the way: says so with the figures, unless there is space again.
        if (partial && hasCode(error, 'STORE_FULL'))
          await checkSpace(this.parts.store.paths.home, partial.missingBytes);
        throw error;
      });
      this.#onPhase(id, 'verifying');
      const item = await partial!.finish(stop.signal);
      return { path: item.folder, bytes: item.manifest.size, seconds, sources: givers, resumedBytes, refetchedBytes };
    };
    const bytesTotal = manifest?.size ?? release?.release.bytes ?? 0;
    const state = {
      ...pausedState(id, release ? fullName(release.release) : id.slice(0, 8), 0, bytesTotal),
      phase: 'waiting',
    } as const;
    const done = run().finally(() => {
      sources.dispose();
      seeking.dispose();
      own.dispose();
    });
    const running: Running = { request, leecher, stop, askers: 0, state, done };
    this.#running.set(id, running);
    done.then(
      (result) => this.#onDone(running, result),
      (error: unknown) => this.#onFailed(running, error),
    );
    this.#changed.fire();
    return running;
  }

  /** @throws {LoraSwarmError} `STORE_FULL` when the library would grow over the user's limit. */
  #checkQuota({ size }: Manifest): void {
    const limit = this.parts.settings()['storage.maxGB'] * 1e9;
    const used = this.parts.library.bytes;
    if (limit === 0 || used + size <= limit) return;
    const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
    throw new LoraSwarmError(
      'STORE_FULL',
      `Your downloads take ${gigabytes(used)} of the ${gigabytes(limit)} that you allow, and this one needs ${gigabytes(size)}. Forget some of them, or raise the limit.`,
      { kind: 'openSetting', key: 'storage.maxGB' },
    );
  }

  #onProgress(id: string, { phase, bytesDone, bytesTotal, rate, sources }: DownloadProgress): void {
    const running = this.#running.get(id);
    if (!running) return;
    const total = bytesTotal || running.state.bytesTotal;
    const secondsLeft = rate > 0 ? Math.ceil((total - bytesDone) / rate) : undefined;
    const { id: _id, name, direction } = running.state;
    this.#set(running, {
      id,
      name,
      direction,
      phase,
      bytesDone,
      bytesTotal: total,
      rate,
      sources,
      ...(secondsLeft === undefined ? {} : { secondsLeft }),
    });
    this.parts.onHappen({ type: 'transfer:progress', id, bytesDone, bytesTotal: total, rate, sources });
  }

  #onPhase(id: string, phase: TransferState['phase']): void {
    const running = this.#running.get(id);
    if (running) this.#set(running, { ...running.state, phase, bytesDone: running.state.bytesTotal, rate: 0 });
  }

  #onDone({ request: { id } }: Running, { path, bytes }: Downloaded): void {
    this.#running.delete(id);
    this.parts.log.info(`downloaded ${id.slice(0, 8)} to ${path}`);
    this.parts.onHappen({ type: 'transfer:complete', id, path, bytes });
    this.#changed.fire();
  }

  #onFailed(running: Running, error: unknown): void {
    const { id } = running.request;
    this.#running.delete(id);
    if (!isAbort(error) && !hasCode(error, 'DOWNLOAD_CANCELLED')) {
      const code = error instanceof LoraSwarmError ? error.code : 'STORE_FAILED';
      const message = error instanceof LoraSwarmError ? error.message : 'The download failed. The log says why.';
      if (!(error instanceof LoraSwarmError))
        this.parts.log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
      this.#ended.set(id, { ...running.state, phase: 'failed', rate: 0, sources: 0, problem: { code, message } });
      this.parts.onHappen({ type: 'transfer:error', id, code, message });
    }
    this.#changed.fire();
  }

  #keep({ id, roomIds, maxRate }: DownloadRequest, isPaused: boolean): void {
    if (this.parts.store.journal.has(id))
      this.parts.store.journal.setData(id, { roomIds, maxRate, isPaused } satisfies DownloadData);
  }

  #set(running: Running, state: TransferState): void {
    running.state = state;
    this.#progressed.fire(state);
    this.#changed.fire();
  }
}

function pausedState(id: string, name: string, bytesDone: number, bytesTotal: number): TransferState {
  return { id, name, direction: 'download', phase: 'paused', bytesDone, bytesTotal, rate: 0, sources: 0 };
}

/** Our own JSON, but of whichever version wrote it. */
function readData(data: unknown): DownloadData {
  const from = (data ?? {}) as Partial<Record<keyof DownloadData, unknown>>;
  return {
    roomIds: Array.isArray(from.roomIds) ? from.roomIds.filter((id) => typeof id === 'string') : [],
    maxRate: typeof from.maxRate === 'number' ? from.maxRate : 0,
    isPaused: from.isPaused === true,
  };
}
