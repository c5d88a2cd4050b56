import { LoraSwarmError, hasCode } from '../errors';
import { fullName } from '../registry/summary';
import type { Manifest } from '../release/manifest';
import type { TransferState } from '../state';
import type { Store } from '../store/store';
import { monotonicClock } from '../transfer/clock';
import type { DownloadProgress } from '../transfer/downloadParts';
import type { DownloadView } from '../transfer/transferView';
import { DownloadRun, type DownloadRequest, type DownloadRunParts, type Downloaded } from './downloadRun';
import { SpaceWait } from './spaceWait';

/** How often the disk may damage what it holds while the whole is checked. */
const MAX_DAMAGES = 3;

export type Problem = NonNullable<TransferState['problem']>;

/** What was there of it when the engine started. */
export interface Begun {
  readonly manifest: Manifest;
  readonly bytesDone: number;
}

export interface DownloadEvents {
  /** It may fetch, and so it gets on; at most four times a second. */
  readonly onProgress: () => void;
  /** Its state is another one. */
  readonly onChange: () => void;
}

/**
 * One download from being asked for to its end. It fetches while it may: when it is its turn, the user has not paused it,
 * nothing holds up all downloads, and the disk has space. It goes on by itself when what held it up is over.
 */
export class OneDownload {
  /** Those who wait for it and may give up. One that goes on from the last run of the engine has none. */
  askers = 0;
  readonly #outcome = Promise.withResolvers<Downloaded>();
  #run: DownloadRun | undefined;
  #manifest: Manifest | undefined;
  #end: 'stopped' | 'cancelled' | undefined;
  #isOver = false;
  #isPaused: boolean;
  #mayRun = false;
  #place: number | undefined;
  /** Holds up every download. */
  #hold: Problem | undefined;
  #space: SpaceWait | undefined;
  #fullTimes = 0;
  #fullAtBytes = -1;
  #damages = 0;
  #isVerifying = false;
  #progress: Omit<DownloadProgress, 'phase'> & { readonly phase: 'waiting' | 'running' };

  constructor(
    private readonly parts: DownloadRunParts,
    readonly request: DownloadRequest,
    begun: Begun | undefined,
    isPaused: boolean,
    private readonly events: DownloadEvents,
  ) {
    this.#manifest = begun?.manifest;
    this.#isPaused = isPaused;
    const bytesTotal = begun?.manifest.size ?? request.release?.release.bytes ?? 0;
    this.#progress = { phase: 'waiting', bytesDone: begun?.bytesDone ?? 0, bytesTotal, rate: 0, sources: 0, peers: 0 };
    this.done.catch(() => undefined); // Nobody may be waiting.
  }

  get id(): string {
    return this.request.id;
  }

  /** Settles once, whoever asked. @throws as `Leecher.run`, and an `AbortError` when the engine closes. */
  get done(): Promise<Downloaded> {
    return this.#outcome.promise;
  }

  /** Cancelled or stopped for good, or done with: nobody can join it any more. */
  get isEnding(): boolean {
    return this.#end !== undefined || this.#isOver;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Has a reason of its own not to fetch, and needs no slot meanwhile: the disk is full, or all of it is here. */
  get isAside(): boolean {
    return this.#space !== undefined || this.#isVerifying;
  }

  /** All that is known of it while it fetches. */
  get view(): DownloadView | undefined {
    return this.#run?.view;
  }

  get state(): TransferState {
    const { id, release } = this.request;
    const { bytesDone, bytesTotal, rate, sources, peers } = this.#progress;
    const still = { rate: 0, sources: 0 };
    const base = {
      id,
      name: release ? fullName(release.release) : id.slice(0, 8),
      direction: 'download',
      bytesDone,
      bytesTotal,
    } as const;
    if (this.#isVerifying) return { ...base, ...still, phase: 'verifying', bytesDone: bytesTotal };
    if (this.#isPaused) return { ...base, ...still, phase: 'paused' };
    if (this.#space) return { ...base, ...still, phase: 'paused', problem: this.#space.problem };
    if (!this.#mayRun)
      return { ...base, ...still, phase: 'queued', ...(this.#place === undefined ? {} : { place: this.#place }) };
    if (this.#hold) return { ...base, ...still, phase: 'paused', problem: this.#hold };
    const secondsLeft = rate > 0 ? Math.ceil((bytesTotal - bytesDone) / rate) : undefined;
    return {
      ...base,
      phase: this.#progress.phase,
      rate,
      sources,
      peers,
      ...(secondsLeft === undefined ? {} : { secondsLeft }),
    };
  }

  /** Whether it may fetch, and where it waits when it may not. */
  setTurn(mayRun: boolean, place: number | undefined, hold: Problem | undefined): void {
    if (mayRun === this.#mayRun && place === this.#place && hold === this.#hold) return;
    this.#mayRun = mayRun;
    this.#place = place;
    this.#hold = hold;
    this.#apply();
    this.events.onChange();
  }

  /** Keeps what is there, ready to go on at once. @throws when the disk refuses to keep it. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    this.#apply();
    this.events.onChange();
    if (!this.#isVerifying) await this.#run?.pause();
  }

  /** Nobody wants it now: lets go of its files, too. */
  async letGo(): Promise<void> {
    this.#isPaused = true;
    this.events.onChange();
    const run = this.#run;
    run?.stop();
    await run?.done.catch(() => undefined);
  }

  resume(): void {
    this.#isPaused = false;
    this.#leaveSpaceWait(); // Whoever says so may know that there is space.
  }

  /** Ends it for everybody, and keeps what is there. */
  async stop(): Promise<void> {
    this.#end ??= 'stopped';
    const reason = new DOMException('The engine closes.', 'AbortError');
    this.#run?.stop();
    await this.#run?.done.catch(() => undefined);
    this.#settle(() => this.#outcome.reject(reason));
  }

  /** Ends it for everybody, and removes what is there. Too late for one that is done in this moment. */
  async cancel(): Promise<void> {
    if (this.isEnding) {
      await this.done.catch(() => undefined);
      return;
    }
    this.#end = 'cancelled';
    this.#run?.cancel();
    const isDone = await this.#run?.done.then(
      () => true,
      () => false,
    );
    if (isDone) return;
    try {
      await discardPartial(this.parts.store, this.id);
    } finally {
      this.#settle(() => this.#outcome.reject(new LoraSwarmError('DOWNLOAD_CANCELLED', 'The download was cancelled.')));
    }
  }

  #apply(): void {
    if (this.isEnding) return;
    const goes = this.#mayRun && !this.#isPaused && !this.#hold && !this.#space;
    if (!this.#run) {
      if (goes) this.#begin();
    } else if (!this.#run.isStopping && !this.#isVerifying) {
      if (goes) this.#run.resume();
      else this.#run.pause().catch((error: unknown) => this.parts.log.warn(`a paused download: ${String(error)}`));
    }
  }

  #begin(): void {
    this.#progress = { ...this.#progress, phase: 'waiting', rate: 0, sources: 0 };
    const run = new DownloadRun(this.parts, this.request, this.#manifest, {
      onProgress: (progress) => this.#onProgress(progress),
      onVerify: () => {
        this.#isVerifying = true;
        this.events.onChange();
      },
    });
    this.#run = run;
    run.done.then(
      (result) => this.#settle(() => this.#outcome.resolve(result)),
      (error: unknown) => this.#onFailed(run, error),
    );
  }

  #onProgress({ phase, ...progress }: DownloadProgress): void {
    if (this.#isVerifying || this.isEnding) return;
    const bytesTotal = progress.bytesTotal || this.#progress.bytesTotal;
    // What is there is hashed first; until then the last figure is better than none.
    const bytesDone =
      progress.bytesTotal > 0 && progress.bytesDone === 0 ? this.#progress.bytesDone : progress.bytesDone;
    this.#progress = { ...progress, bytesDone, bytesTotal, phase: phase === 'running' ? 'running' : 'waiting' };
    if (phase !== 'paused') this.events.onProgress();
  }

  #onFailed(run: DownloadRun, error: unknown): void {
    this.#run = undefined;
    this.#isVerifying = false;
    this.#manifest ??= this.parts.store.journal.get(this.id)?.manifest;
    if (this.#end) return; // Whoever ends it waits for this and says so.
    if (run.isStopping)
      this.#goOn(); // Let go of, and wanted again since.
    else if (hasCode(error, 'STORE_FULL') && !run.isOverQuota && this.parts.store.journal.has(this.id))
      this.#waitForSpace(error, run.missingBytes ?? this.#progress.bytesTotal - this.#progress.bytesDone);
    else if (hasCode(error, 'DOWNLOAD_CORRUPT') && ++this.#damages <= MAX_DAMAGES) this.#goOn();
    else this.#settle(() => this.#outcome.reject(error));
  }

  /** With a slot, which it gave back when everything was here. */
  #goOn(): void {
    this.events.onChange();
    this.#apply();
  }

  /** The disk became full on the way. Nobody has to do anything but make space. */
  #waitForSpace(error: LoraSwarmError, missingBytes: number): void {
    const { bytesDone } = this.#progress;
    this.#fullTimes = bytesDone > this.#fullAtBytes ? 1 : this.#fullTimes + 1;
    this.#fullAtBytes = bytesDone;
    this.#space = new SpaceWait(error, {
      folder: this.parts.store.paths.home,
      missingBytes,
      clock: this.parts.clock ?? monotonicClock,
      attempt: this.#fullTimes,
      onChange: () => this.events.onChange(),
      onSpace: () => this.#leaveSpaceWait(),
    });
    this.events.onChange();
  }

  #leaveSpaceWait(): void {
    this.#space?.dispose();
    this.#space = undefined;
    this.#apply();
    this.events.onChange();
  }

  #settle(tell: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#space?.dispose();
    tell();
  }
}

/** Removes what was fetched of a package that nobody has open. Fine when there is nothing. */
async function discardPartial(store: Store, id: string): Promise<void> {
  if (!store.journal.ids().includes(id)) return;
  store.partials.claim(id);
  try {
    store.journal.discard(id);
    await store.throwAway(store.paths.package('partial', id));
    store.journal.remove(id);
  } finally {
    store.partials.release(id);
  }
}
