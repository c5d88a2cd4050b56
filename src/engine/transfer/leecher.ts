import { LoraSwarmError, hasCode } from '../errors';
import type { Disposable } from '../lifecycle';
import type { TransferMessage } from '../net/transferMessages';
import { parseManifest, type Manifest } from '../release/manifest';
import { hear, type Asker } from './answers';
import { BlindStart } from './blindStart';
import { ChunkWork, PeerFault } from './chunkWork';
import { monotonicClock, type Clock } from './clock';
import { isUsable, judge } from './deadlines';
import { DiskCopy } from './diskCopy';
import { EarlyPackage } from './earlyPackage';
import type { DownloadOptions, DownloadProgress, DownloadResult, LeecherParts } from './downloadParts';
import type { PartialPackage } from './parts';
import { RequestPump } from './requestPump';
import type { Source } from './source';
import { SourcePool } from './sourcePool';
import { viewOf, type DownloadView } from './transferView';

/** Progress, deadlines, retries: four times a second, the most that a screen shows. */
const TICK_MS = 250;
/** Sources that gave something in the last seconds are the ones that we fetch from. */
const ACTIVE_MS = 5_000;

/**
 * One download: asks the sources that are there for chunks, verifies each as it arrives, and goes on with others when one
 * stalls, leaves or lies. It waits when there is no source; how long that may last is for the caller to say.
 */
export class Leecher<P extends PartialPackage = PartialPackage> {
  readonly #clock: Clock;
  readonly #pool: SourcePool;
  readonly #pump: RequestPump;
  readonly #over = new AbortController();
  #settle: { resolve: (work: ChunkWork) => void; reject: (error: unknown) => void } | undefined;
  #isPaused = false;
  #isCancelled = false;
  #manifest: Manifest | undefined;
  #opening: Promise<P> | undefined;
  #work: ChunkWork | undefined;
  #disk: DiskCopy | undefined;
  #tick: Disposable | undefined;
  readonly #blind: BlindStart;

  constructor(
    private readonly parts: LeecherParts<P>,
    private readonly contentId: string,
    private readonly options: DownloadOptions = {},
  ) {
    this.#clock = parts.clock ?? monotonicClock;
    this.#pump = new RequestPump(parts, this.#over.signal, () => this.#ask());
    const isFrugal = parts.local?.hasAny === true;
    this.#blind = new BlindStart({ pump: this.#pump, bytes: options.expectedBytes ?? 0, isFrugal });
    this.#pool = new SourcePool({
      sources: parts.sources,
      contentId,
      clock: this.#clock,
      log: parts.log,
      onJoin: (source) => this.#greet(source),
      onMessage: (source, message) => this.#receive(source, message),
      onLeave: (source) => (this.#work ? this.#work.leave(source) : this.#blind.left(source)),
      onChange: () => this.#ask(),
    });
  }

  get #asker(): Asker {
    return {
      clock: this.#clock,
      work: this.#work,
      onManifest: (source, bytes) => this.#checkManifest(source, bytes),
      exclude: (source) => this.#pool.exclude(source),
      onGet: ({ link }, bytes) => this.parts.onDidGet?.(link.peerKey, bytes),
    };
  }

  /** All that is known of it now, for whoever looks. */
  get view(): DownloadView {
    return viewOf(this.#pool.all, this.#work, this.#disk, this.#clock.now());
  }

  /**
   * Runs to the end, once.
   *
   * @throws {LoraSwarmError} `NO_SOURCES` when every source lied, `DOWNLOAD_CANCELLED` after `cancel`, and whatever
   * `openPartial` and the disk throw. @throws the reason of `signal`. Only `cancel` discards what is there.
   */
  async run(): Promise<DownloadResult<P>> {
    const startedAt = this.#clock.now();
    try {
      const { givers, refetchedBytes, copiedBytes } = await this.#fetch();
      const partial = await this.#opening!;
      const seconds = (this.#clock.now() - startedAt) / 1_000;
      const { resumedBytes } = partial;
      return { partial, sources: givers.size, resumedBytes, refetchedBytes, copiedBytes, seconds };
    } catch (error) {
      const partial = await this.#opening?.catch(() => undefined);
      await (this.#isCancelled ? partial?.discard() : partial?.close());
      throw error;
    }
  }

  /** Stops asking and makes what is there safe. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    this.#pool.stop();
    this.#disk?.setPaused(true);
    // A folder that is being made has nothing yet that could be made safe.
    if (this.#work?.isInFolder === true) await (await this.#opening)?.flush();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#settle || this.#over.signal.aborted) return;
    this.#pool.start();
    if (this.#work?.isInFolder === true) this.#disk?.setPaused(false);
  }

  /** Ends the download and removes what is there; `run` rejects with `DOWNLOAD_CANCELLED` when that is done. */
  cancel(): void {
    if (this.#over.signal.aborted) return;
    this.#isCancelled = true;
    this.#fail(new LoraSwarmError('DOWNLOAD_CANCELLED', 'The download was cancelled.'));
  }

  async #fetch(): Promise<ChunkWork> {
    const { signal, manifest } = this.options;
    const stop = () => this.#fail(signal!.reason);
    if (signal?.aborted) stop();
    this.#over.signal.throwIfAborted(); // By the line above, or cancelled before it began.
    signal?.addEventListener('abort', stop, { once: true });
    try {
      return await new Promise<ChunkWork>((resolve, reject) => {
        this.#settle = { resolve, reject };
        if (manifest) this.#begin(manifest, (partial) => this.#goOn(partial));
        if (!this.#isPaused) this.#pool.start();
        this.#onTick();
      });
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** It was asked to open: asks the rest with it, without waiting for the answer. */
  #greet(source: Source): void {
    if (this.#work) this.#work.join(source);
    else if (!this.#manifest) this.#blind.ask(source, this.#pool.all, this.parts.sources.current().length === 1);
    this.#ask();
  }

  #receive(source: Source, message: TransferMessage): void {
    this.#guard(source, () => hear(source, message, this.#asker));
    this.#ask();
  }

  /** Only lies and violations are the peer's fault. A full disk is ours, and no reason to think ill of the sender. */
  #guard(source: Source, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof PeerFault) this.#pool.strike(source, error.reason);
      else if (hasCode(error, 'DOWNLOAD_CORRUPT', 'MANIFEST_INVALID')) this.#pool.strike(source, 'badData');
      else this.#fail(error);
    }
  }

  /** A timer, and a disk that is done, have nobody above them: what goes wrong there ends this download, and nothing else. */
  #whole(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #checkManifest(source: Source, bytes: Uint8Array): void {
    if (this.#manifest) return;
    const manifest = parseManifest(bytes);
    if (manifest.id !== this.contentId) throw new PeerFault('badData');
    source.progressAt = this.#clock.now();
    const work = new ChunkWork(new EarlyPackage(manifest), this.#pump, this.#clock, (group) => this.#disk?.know(group));
    this.#begin(manifest, (partial) => work.settleIn(partial, this.#over.signal));
    // Who brought it is the quickest: of what several were asked before, it keeps most.
    this.#start(work, [source, ...this.#pool.all.filter((other) => other !== source)]);
  }

  /** Makes the folder, which takes longer than a round trip, and meanwhile goes on. */
  #begin(manifest: Manifest, onOpen: (partial: P) => Promise<void> | void): void {
    this.#manifest = manifest;
    this.#opening = this.parts.openPartial(manifest);
    this.#opening
      .then(async (partial) => {
        if (this.#over.signal.aborted) return;
        partial.onDidMakeRoom(() => this.#whole(() => this.#ask()));
        await onOpen(partial);
        this.#disk?.setPaused(this.#isPaused);
        this.#ask();
      })
      .catch((error: unknown) => this.#fail(error));
  }

  /** Takes up what an earlier start left. */
  #goOn(partial: P): void {
    const work = new ChunkWork(partial, this.#pump, this.#clock, (group) => this.#disk?.know(group));
    this.#start(work, this.#pool.all);
  }

  #start(work: ChunkWork, sources: readonly Source[]): void {
    this.#work = work;
    const { local, log } = this.parts;
    if (local?.hasAny === true)
      this.#disk = new DiskCopy({
        work,
        local,
        log,
        clock: this.#clock,
        signal: this.#over.signal,
        onChange: () => this.#ask(),
        onFail: (error) => this.#fail(error),
      });
    for (const source of sources) if (source.phase !== 'refused') this.#guard(source, () => work.join(source));
  }

  #ask(): void {
    if (this.#over.signal.aborted) return;
    if (this.#pool.isHopeless && this.#disk?.isBusy !== true) this.#fail(noHonestSource(this.#pool.struck));
    else if (this.#work?.isDone) this.#succeed(this.#work);
    else if (!this.#isPaused && this.#work) {
      const usable = this.#usable();
      this.#disk?.ask(usable);
      this.#work.ask(usable);
    }
  }

  #onTick(): void {
    this.#tick = this.#clock.after(TICK_MS, () => this.#whole(() => this.#onTick()));
    this.#checkDeadlines();
    this.#pool.fill();
    if (this.#work?.recheck(this.#pool.all) === true) this.#disk = undefined; // What it claimed is free again.
    this.#ask();
    if (!this.#over.signal.aborted) this.options.onProgress?.(this.#progress());
  }

  #checkDeadlines(): void {
    const now = this.#clock.now();
    const all = this.#pool.all;
    for (const source of all) {
      const verdict = judge(source, all, { now, needsManifest: !this.#manifest });
      if (verdict === 'fine') continue;
      this.parts.log.debug(`transfer: ${source.link.peerKey.slice(0, 8)} does not deliver, ${verdict}`);
      if (verdict === 'reopen') this.#pool.reopen(source);
      else if (verdict === 'leave') this.#pool.leave(source);
      else this.#work?.rest(source);
    }
    if (this.#usable().length > 0) return;
    // When all that is left is one that rests for being slow, slow is better than nothing.
    for (const source of all) if (now - source.dataAt < ACTIVE_MS) source.restUntil = Math.min(source.restUntil, now);
  }

  #usable(): Source[] {
    const now = this.#clock.now();
    return this.#pool.all.filter((source) => isUsable(source, now));
  }

  #progress(): DownloadProgress {
    const now = this.#clock.now();
    const active = this.#pool.all.filter((source) => now - source.dataAt < ACTIVE_MS).length;
    return {
      phase: this.#isPaused ? 'paused' : this.#isFetching() ? 'running' : 'waiting',
      bytesDone: this.#work?.bytesDone ?? 0,
      bytesTotal: this.#manifest?.size ?? 0,
      rate: this.#isPaused ? 0 : (this.#work?.meter.bytesPerSecond ?? 0),
      sources: active,
      peers: this.parts.sources.peers,
    };
  }

  /** Whether something is asked of somebody who can give it, or will be in a moment. */
  #isFetching(): boolean {
    if (this.#disk?.isBusy === true || this.#pump.isWaiting || this.#work?.isHeldUp === true) return true;
    const usable = this.#usable();
    return usable.some(({ requests }) => requests > 0) || (usable.length > 0 && this.#work === undefined);
  }

  #succeed(work: ChunkWork): void {
    this.#end();
    this.#settle?.resolve(work);
  }

  #fail(error: unknown): void {
    if (this.#over.signal.aborted) return;
    this.#end(error);
    this.#settle?.reject(error);
  }

  #end(reason?: unknown): void {
    this.#over.abort(reason);
    this.#tick?.dispose();
    this.#pool.dispose();
  }
}

function noHonestSource(struck: ReadonlySet<string>): LoraSwarmError {
  const keys = [...struck].map((key) => key.slice(0, 8)).join(', ');
  return new LoraSwarmError(
    'NO_SOURCES',
    `There is no honest source: all that offered this adapter sent wrong data (${keys}). Try again when others share it.`,
  );
}
