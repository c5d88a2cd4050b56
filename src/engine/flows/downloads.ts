import { LoraSwarmError, hasCode, isAbort } from '../errors';
import { Emitter } from '../events';
import type { Disposable } from '../lifecycle';
import type { TransferState } from '../state';
import type { DownloadView } from '../transfer/transferView';
import type { EngineEvent } from '../wishes';
import type { DownloadRequest, DownloadRunParts, Downloaded } from './downloadRun';
import { OneDownload, type Begun, type Problem } from './oneDownload';
import { DownloadQueue, type QueueMove } from './queue';

export type DownloadsParts = DownloadRunParts & { readonly onHappen: (event: EngineEvent) => void };

/** What is kept of a download beside its chunks. */
interface DownloadData {
  readonly roomIds: readonly string[];
  readonly maxRate: number;
  readonly isPaused: boolean;
}

/** All downloads: each package once, however many ask for it, four at a time. They go on when the engine starts again. */
export class Downloads {
  readonly #downloads = new Map<string, OneDownload>();
  readonly #queue: DownloadQueue;
  /** What did not end well, until it is asked again or dismissed. */
  readonly #failed = new Map<string, TransferState>();
  /** Those who follow one download, by its id: with hundreds in the queue, nobody is told of all the others. */
  readonly #followers = new Map<string, Emitter<TransferState>>();
  readonly #changed = new Emitter<void>();
  readonly onDidChange = this.#changed.event;
  #hold: Problem | undefined;
  #isArranging = false;
  #isDisarranged = false;
  #isChanged = false;
  #isClosed = false;

  constructor(private readonly parts: DownloadsParts) {
    this.#queue = new DownloadQueue(parts.clock);
  }

  /** Those that run and wait in the order in which they go, then the paused ones, then the failed ones. */
  get states(): readonly TransferState[] {
    const inOrder = this.#queue.order.flatMap((id) => this.#downloads.get(id) ?? []);
    const others = [...this.#downloads.values()].filter((download) => !inOrder.includes(download));
    return [...[...inOrder, ...others].map(({ state }) => state), ...this.#failed.values()];
  }

  /** Tells each change of one download, also before it is asked for. */
  follow(id: string, listener: (state: TransferState) => void): Disposable {
    const emitter = this.#followers.get(id) ?? new Emitter<TransferState>();
    this.#followers.set(id, emitter);
    const listening = emitter.event(listener);
    return {
      dispose: () => {
        listening.dispose();
        if (!emitter.hasListeners) this.#followers.delete(id);
      },
    };
  }

  /** All that is known of a download while it fetches. */
  view(id: string): DownloadView | undefined {
    return this.#downloads.get(id)?.view;
  }

  /** Takes up what the last run of the engine did not end, in its order. Waits for nothing. */
  takeUp(): void {
    const { wanted, journal } = this.parts.store;
    const begun = new Map(journal.list().map((record) => [record.id, record]));
    const known = wanted.list();
    for (const { id, release, data } of known) {
      const there = begun.get(id);
      begun.delete(id);
      if (this.parts.library.get(id)) wanted.remove(id);
      else this.#add(requestOf(id, there?.release ?? release, data), there, readData(data).isPaused);
    }
    // Found in the folder, after the database was lost.
    for (const record of begun.values()) {
      const request = requestOf(record.id, record.release, record.data);
      this.#add(request, record, false);
      this.#keep(request, false);
    }
    this.#arrange();
  }

  /**
   * Fetches a package, or joins those who fetch it already. Who aborts leaves: the others get it all the same, and when
   * nobody is left it is paused; one that has not begun is forgotten.
   *
   * @throws as `OneDownload.done`, and the reason of `signal`.
   */
  async fetch(request: DownloadRequest, signal?: AbortSignal): Promise<Downloaded> {
    const joined = await this.#join(request, signal);
    if (!(joined instanceof OneDownload)) return joined;
    const left = Promise.withResolvers<never>();
    const leave = (): void => {
      this.#leave(joined).then(() => left.reject(signal!.reason), left.reject);
    };
    joined.askers++;
    signal?.addEventListener('abort', leave, { once: true });
    if (signal?.aborted) leave(); // While it was joined.
    try {
      return await Promise.race([joined.done, left.promise]);
    } catch (error) {
      if (signal?.aborted) await left.promise; // It may have ended because nobody was left.
      throw error;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  /** Stops asking peers and keeps what is there, also over restarts. */
  async pause(id: string): Promise<void> {
    const download = this.#downloads.get(id);
    if (!download || download.isEnding) return;
    this.#setData(download.request, true);
    const pausing = download.pause();
    this.#queue.remove(id);
    this.#arrange();
    await pausing;
  }

  /** As the last one of the queue. @throws {LoraSwarmError} `ID_UNKNOWN` when nothing of it was begun. */
  resume(id: string): void {
    const there = this.#downloads.get(id);
    const download = there ?? this.#again(id);
    if (!download || download.isEnding)
      throw new LoraSwarmError('ID_UNKNOWN', 'There is no such download to resume. Download the adapter again.');
    if (!there || download.isPaused) this.#enqueue(download);
    this.#arrange();
    download.resume();
  }

  /** Changes whose turn is next. @throws {LoraSwarmError} `ID_UNKNOWN` when it neither runs nor waits. */
  move(id: string, to: QueueMove): void {
    if (!this.#queue.order.includes(id))
      throw new LoraSwarmError('ID_UNKNOWN', 'This download neither runs nor waits for its turn. Resume it first.');
    if (!this.#queue.move(id, to)) return;
    this.parts.store.wanted.setOrder(this.#queue.order);
    this.#arrange();
    this.#changed.fire();
  }

  /** Ends a download for everybody who wants it, and removes what is there of it. */
  async cancel(id: string): Promise<void> {
    this.#failed.delete(id);
    const download = this.#downloads.get(id) ?? this.#again(id);
    if (download) {
      this.parts.store.wanted.remove(id); // First: from here on a crash can't bring it back.
      await download.cancel();
    }
    this.#failed.delete(id);
    this.#changed.fire();
  }

  /** Nobody fetches anything while there is a reason against it. */
  setHold(problem: Problem | undefined): void {
    this.#hold = problem;
    this.#arrange();
  }

  /** Ends all of them and keeps what is there. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled([...this.#downloads.values()].map((download) => download.stop()));
  }

  /** @returns what is in the library when somebody else's download has just ended. */
  async #join(request: DownloadRequest, signal: AbortSignal | undefined): Promise<OneDownload | Downloaded> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#isClosed)
        throw new LoraSwarmError('ENGINE_CLOSED', 'LoRA Swarm is closing. Try again in a moment.', { kind: 'retry' });
      const download = this.#downloads.get(request.id);
      if (download?.isEnding) {
        await download.done.catch(() => undefined); // Cancelled by somebody: this is asked anew.
        continue;
      }
      if (download) {
        if (download.isPaused) this.resume(request.id);
        return download;
      }
      const here = this.parts.library.get(request.id);
      if (here) return downloadedBefore(here.folder, here.manifest.size);
      return this.#create(request);
    }
  }

  #create(request: DownloadRequest): OneDownload {
    this.#keep(request, false); // What can't be remembered is not begun.
    const download = this.#add(request, this.parts.store.journal.get(request.id), false);
    this.#arrange();
    return download;
  }

  async #leave(download: OneDownload): Promise<void> {
    if (--download.askers > 0 || download.isEnding) return;
    const { id } = download;
    if (!this.parts.store.journal.has(id)) {
      this.parts.store.wanted.remove(id);
      await download.cancel();
      return;
    }
    this.#setData(download.request, true);
    const gone = download.letGo();
    this.#queue.remove(id);
    this.#arrange();
    await gone;
  }

  /** One that failed, or that somebody else began. */
  #again(id: string): OneDownload | undefined {
    const record = this.parts.store.journal.get(id);
    if (!record) return undefined;
    const data = this.parts.store.wanted.list().find((wanted) => wanted.id === id)?.data ?? record.data;
    return this.#add(requestOf(id, record.release, data), record, true);
  }

  #add(request: DownloadRequest, begun: Begun | undefined, isPaused: boolean): OneDownload {
    const { id } = request;
    this.#failed.delete(id);
    const download = new OneDownload(this.parts, request, begun, isPaused, {
      onProgress: () => this.#onProgress(download),
      onChange: () => this.#onChange(download),
    });
    this.#downloads.set(id, download);
    if (!isPaused) this.#queue.add(id);
    download.done.then(
      ({ path, bytes }) => this.#onDone(download, path, bytes),
      (error: unknown) => this.#onFailed(download, error),
    );
    this.#changed.fire();
    return download;
  }

  /** At the end of the queue, also over restarts. */
  #enqueue({ id, request, isAside }: OneDownload): void {
    this.#keep(request, false);
    this.#queue.add(id);
    this.#queue.setAside(id, isAside);
  }

  /** Gives each its turn, and again when that changed what another one needs. */
  #arrange(): void {
    this.#isDisarranged = true;
    if (this.#isArranging || this.#isClosed) return;
    this.#isArranging = true;
    try {
      while (this.#isDisarranged) {
        this.#isDisarranged = false;
        const all = [...this.#downloads.values()];
        // Who lets go first, so that there are never more at once than there are slots.
        const turns = all.map((download) => ({ download, may: this.#queue.mayRun(download.id) }));
        for (const { download, may } of turns.sort((a, b) => Number(a.may) - Number(b.may)))
          download.setTurn(may, this.#queue.placeOf(download.id), this.#hold);
      }
    } finally {
      this.#isArranging = false;
    }
    if (!this.#isChanged) return;
    this.#isChanged = false;
    this.#changed.fire();
  }

  #onProgress(download: OneDownload): void {
    const { id, state } = download;
    if (this.#queue.note(id, state.phase === 'waiting')) this.#arrange();
    const { bytesDone, bytesTotal, rate, sources } = state;
    this.parts.onHappen({ type: 'transfer:progress', id, bytesDone, bytesTotal, rate, sources });
    this.#tell(download);
  }

  #onChange(download: OneDownload): void {
    // It may need no slot any more, or need one again.
    if (this.#queue.setAside(download.id, download.isAside)) this.#arrange();
    this.#tell(download);
  }

  #tell(download: OneDownload): void {
    this.#followers.get(download.id)?.fire(download.state);
    // When one ends, the place of each that waits is another one.
    if (this.#isArranging) this.#isChanged = true;
    else this.#changed.fire();
  }

  #onDone({ id }: OneDownload, path: string, bytes: number): void {
    this.#forget(id);
    this.#quietly(() => this.parts.store.wanted.remove(id));
    this.parts.log.info(`downloaded ${id.slice(0, 8)} to ${path}`);
    this.parts.onHappen({ type: 'transfer:complete', id, path, bytes });
  }

  #onFailed(download: OneDownload, error: unknown): void {
    const { id, state } = download;
    this.#forget(id);
    if (isAbort(error) || hasCode(error, 'DOWNLOAD_CANCELLED')) return;
    // What was begun is taken up at the next start. Of the rest nobody would know why it is there.
    if (!this.parts.store.journal.has(id)) this.#quietly(() => this.parts.store.wanted.remove(id));
    const code = error instanceof LoraSwarmError ? error.code : 'STORE_FAILED';
    const message = error instanceof LoraSwarmError ? error.message : 'The download failed. The log says why.';
    if (!(error instanceof LoraSwarmError))
      this.parts.log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
    const { place: _place, secondsLeft: _secondsLeft, ...rest } = state;
    this.#failed.set(id, { ...rest, phase: 'failed', rate: 0, sources: 0, problem: { code, message } });
    this.parts.onHappen({ type: 'transfer:error', id, code, message });
    this.#changed.fire();
  }

  #forget(id: string): void {
    this.#downloads.delete(id);
    this.#queue.remove(id);
    this.#arrange();
    this.#changed.fire();
  }

  #keep({ id, release, roomIds, maxRate }: DownloadRequest, isPaused: boolean): void {
    const data: DownloadData = { roomIds, maxRate, isPaused };
    this.parts.store.wanted.putLast({ id, release, data });
  }

  #setData({ id, roomIds, maxRate }: DownloadRequest, isPaused: boolean): void {
    this.parts.store.wanted.setData(id, { roomIds, maxRate, isPaused } satisfies DownloadData);
  }

  /** The download itself is what counts; a list that can't be written is set right at the next start. */
  #quietly(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.parts.log.warn(`the list of downloads: ${String(error)}`);
    }
  }
}

function requestOf(id: string, release: DownloadRequest['release'], data: unknown): DownloadRequest {
  const { roomIds, maxRate } = readData(data);
  return { id, release, roomIds, maxRate };
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

function downloadedBefore(path: string, bytes: number): Downloaded {
  return { path, bytes, seconds: 0, sources: 0, resumedBytes: bytes, refetchedBytes: 0 };
}
