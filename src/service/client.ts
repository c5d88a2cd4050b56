import { inspect } from 'node:util';
import { LoraSwarmError, isAbort } from '../engine/errors';
import { Emitter } from '../engine/events';
import type { EngineState } from '../engine/state';
import type { EngineClient, EngineEvent, WishName, WishOptions, Wishes } from '../engine/wishes';
import { pause } from './pace';
import { isRepeatable } from './protocol';
import { attach, lead, type ServiceOptions, type Session, SessionLost } from './session';
import { abortError } from './wireErrors';

/** How long a wish waits for an engine. A takeover takes a tenth of a second; an old leader has 3 s to close. */
const WAIT_MS = 15_000;

/** After this long without a crash an engine counts as healthy again. */
const HEALTHY_MS = 30_000;

const MAX_BACKOFF_MS = 30_000;

/**
 * Opens the engine of a storage folder: attaches to the one that leads, or leads with one of its own in a worker thread.
 * When the leader goes away, the client attaches to the next one or becomes it.
 *
 * @throws {LoraSwarmError} `ENGINE_VERSION`, `ENGINE_UNREACHABLE`, or what opening the engine throws.
 */
export async function openEngine(options: ServiceOptions): Promise<ServiceClient> {
  const client = new ServiceClient(options);
  try {
    await client.open();
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** The engine as every shell sees it, wherever it runs. Made by `openEngine`. */
export class ServiceClient implements EngineClient {
  readonly #changed = new Emitter<EngineState>();
  readonly #happened = new Emitter<EngineEvent>();
  readonly #closing = new AbortController();
  readonly #waiting = new Set<Waiter>();
  #session: Session | undefined;
  #state: EngineState | undefined;
  #life: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  /** At most 4 times a second. */
  readonly onDidChangeState = this.#changed.event;
  readonly onDidHappen = this.#happened.event;

  constructor(private readonly options: ServiceOptions) {}

  /** The newest snapshot. While one engine takes over from another it is the last of the old one. */
  get state(): EngineState {
    if (!this.#state) throw new Error('the engine is not open');
    return this.#state;
  }

  /** The engine runs in this process, and ends with `close`. */
  get isLeader(): boolean {
    return this.#session?.isLeader ?? false;
  }

  /** False while an engine that went away has no successor yet. */
  get isConnected(): boolean {
    return this.#session !== undefined;
  }

  async open(): Promise<void> {
    this.#life ??= this.#live();
    await this.#nextSession(undefined);
  }

  /**
   * Asks the engine. When it goes away meanwhile, a wish that is safe to repeat is asked of the next one; so a download
   * goes on.
   *
   * @throws {LoraSwarmError} what the engine answers; `ENGINE_UNREACHABLE` when it went away and the wish may have been
   * fulfilled or not; `ENGINE_CLOSED` after `close`. An `AbortError` when the signal fired.
   */
  async wish<N extends WishName>(
    name: N,
    params: Wishes[N]['params'],
    options: WishOptions = {},
  ): Promise<Wishes[N]['result']> {
    for (;;) {
      const session = this.#session ?? (await this.#nextSession(options.signal));
      try {
        return await session.wish(name, params, options);
      } catch (error) {
        // The engine may say that it gave the wish up before it is gone.
        const isGivenUp = isAbort(error) && options.signal?.aborted !== true;
        if (this.#isClosing() && (isGivenUp || error instanceof SessionLost)) throw engineClosed();
        if (!(error instanceof SessionLost)) throw error;
        if (!isRepeatable(name)) throw engineLost();
        if (this.#session === session) this.#session = undefined; // Before the loop below has noticed.
      }
    }
  }

  /** Ends within 3 s. The engine goes on when it runs in another process. */
  close(): Promise<void> {
    return (this.#closed ??= this.#end());
  }

  async #end(): Promise<void> {
    this.#closing.abort();
    this.#rejectWaiting(engineClosed());
    await this.#session?.end();
    await this.#life;
    this.#changed.dispose();
    this.#happened.dispose();
  }

  /** One session after the other, until closed. */
  async #live(): Promise<void> {
    const { log } = this.options;
    let failures = 0;
    let misses = 0;
    while (!this.#isClosing()) {
      try {
        const session = await this.#connect();
        if (session) {
          misses = 0;
          const began = performance.now();
          this.#adopt(session);
          const { isCrash } = await session.closed;
          this.#session = undefined;
          if (!this.#isClosing()) log.info('The engine went away. Looking for the next one.');
          failures = isCrash ? (performance.now() - began > HEALTHY_MS ? 1 : failures + 1) : 0;
        } else misses++;
      } catch (error) {
        failures++;
        if (this.#isClosing()) break;
        log.warn(`The engine cannot be opened. ${error instanceof LoraSwarmError ? error.message : inspect(error)}`);
        this.#rejectWaiting(error instanceof Error ? error : new Error(inspect(error)));
      }
      await pause(failures > 0 ? backoffMs(failures) : retryMs(misses), this.#closing.signal);
    }
  }

  async #connect(): Promise<Session | undefined> {
    const listener = {
      onState: (state: EngineState) => {
        this.#state = state;
        this.#changed.fire(state);
      },
      onEvent: (event: EngineEvent) => this.#happened.fire(event),
    };
    const { signal } = this.#closing;
    return (await attach(this.options, listener, signal)) ?? (await lead(this.options, listener, signal));
  }

  #adopt(session: Session): void {
    this.#session = session;
    if (this.#isClosing()) {
      void session.end();
      return;
    }

    this.options.log.debug(session.isLeader ? 'The engine runs in this process.' : 'Attached to a running engine.');
    for (const waiter of this.#waiting) waiter.resolve(session);
    this.#waiting.clear();
  }

  #nextSession(signal: AbortSignal | undefined): Promise<Session> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', cancel);
        this.#waiting.delete(waiter);
      };
      const waiter: Waiter = {
        resolve: (session) => {
          end();
          resolve(session);
        },
        reject: (error) => {
          end();
          reject(error);
        },
      };
      const cancel = (): void => waiter.reject(abortError());
      const timer = setTimeout(() => waiter.reject(engineSilent()), WAIT_MS);
      signal?.addEventListener('abort', cancel);
      this.#waiting.add(waiter);
      if (this.#isClosing()) waiter.reject(engineClosed());
      else if (signal?.aborted) cancel();
    });
  }

  #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  #rejectWaiting(error: Error): void {
    for (const waiter of [...this.#waiting]) waiter.reject(error);
  }
}

interface Waiter {
  resolve(session: Session): void;
  reject(error: Error): void;
}

function backoffMs(failures: number): number {
  return Math.min(MAX_BACKOFF_MS, 200 * 2 ** (failures - 1));
}

/** At random, so that the windows of a leader that died do not all start a thread at once. */
function retryMs(misses: number): number {
  return Math.random() * Math.min(1000, 20 * 2 ** misses);
}

function engineClosed(): LoraSwarmError {
  return new LoraSwarmError('ENGINE_CLOSED', 'LoRA Swarm is closing.');
}

function engineLost(): LoraSwarmError {
  return new LoraSwarmError(
    'ENGINE_UNREACHABLE',
    'The window or terminal that ran the engine went away before it answered. See whether it was done, then try again.',
    { kind: 'retry' },
  );
}

function engineSilent(): LoraSwarmError {
  return new LoraSwarmError(
    'ENGINE_UNREACHABLE',
    'No engine answers. Another window or terminal may be stuck: reload or end it, then try again.',
    { kind: 'retry' },
  );
}
