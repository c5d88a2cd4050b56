import { LoraSwarmError } from '../engine/errors';
import { Emitter, type Event } from '../engine/events';
import { DisposableStore } from '../engine/lifecycle';
import type { EngineState } from '../engine/state';
import type { EngineEvent, WishName, WishOptions, Wishes } from '../engine/wishes';
import { EMPTY_STATE, type EngineHandle } from './engineHandle';

/** An engine that was opened: the service's client, or one in a test. */
export interface OpenedEngine extends EngineHandle {
  close(): Promise<void>;
}

export type EnginePhase = 'opening' | 'open' | 'failed' | 'closed';

/** VS Code gives `deactivate` 5 s; the engine promises 3. */
const CLOSE_TIMEOUT_MS = 3_000;

/** Opens the engine once, on the first need, and stands in for it until then. Activation never waits for it. */
export class EditorEngine implements EngineHandle {
  readonly #owned = new DisposableStore();
  readonly #stateChanged = new Emitter<EngineState>();
  readonly #happened = new Emitter<EngineEvent>();
  readonly #phaseChanged = new Emitter<EnginePhase>();
  readonly onDidChangeState: Event<EngineState> = this.#stateChanged.event;
  readonly onDidHappen: Event<EngineEvent> = this.#happened.event;
  readonly onDidChangePhase: Event<EnginePhase> = this.#phaseChanged.event;
  #phase: EnginePhase = 'closed';
  #opening: Promise<OpenedEngine> | undefined;
  #opened: OpenedEngine | undefined;
  #isClosed = false;

  constructor(
    private readonly open: () => Promise<OpenedEngine>,
    private readonly closeTimeoutMs = CLOSE_TIMEOUT_MS,
  ) {}

  get state(): EngineState {
    return this.#opened?.state ?? EMPTY_STATE;
  }

  get phase(): EnginePhase {
    return this.#phase;
  }

  /** Opens the engine, or gives the one that is open. A failed start may be tried again. */
  start(): Promise<OpenedEngine> {
    if (this.#isClosed)
      return Promise.reject(new LoraSwarmError('ENGINE_CLOSED', 'LoRA Swarm is closing in this window.'));
    this.#opening ??= this.#start();
    return this.#opening;
  }

  async wish<N extends WishName>(
    name: N,
    params: Wishes[N]['params'],
    options?: WishOptions,
  ): Promise<Wishes[N]['result']> {
    const engine = await this.start();
    return engine.wish(name, params, options);
  }

  /** Ends the engine of this window; another window takes over if this one led. Bounded, whatever the engine does. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#owned.dispose();
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.closeTimeoutMs);
    });
    await Promise.race([timeout, this.#closeOpened()]);
    clearTimeout(timer);
    this.#enter('closed');
  }

  async #start(): Promise<OpenedEngine> {
    this.#enter('opening');
    try {
      const engine = await this.open();
      this.#opened = engine;
      this.#owned.add(engine.onDidChangeState((state) => this.#stateChanged.fire(state)));
      this.#owned.add(engine.onDidHappen((event) => this.#happened.fire(event)));
      this.#enter('open');
      this.#stateChanged.fire(engine.state);
      return engine;
    } catch (error) {
      this.#opening = undefined;
      this.#enter('failed');
      throw error;
    }
  }

  async #closeOpened(): Promise<void> {
    const engine = await this.#opening?.catch(() => undefined);
    await engine?.close().catch(() => undefined); // Nobody is left to tell.
  }

  #enter(phase: EnginePhase): void {
    this.#phase = phase;
    this.#phaseChanged.fire(phase);
  }
}
