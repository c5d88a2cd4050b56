import type { Event } from '../engine/events';
import type { EngineState } from '../engine/state';
import type { EngineClient, EngineEvent, WishName, WishOptions, Wishes } from '../engine/wishes';

/** The engine as the window sees it: there from activation on, while the real one is still opening. */
export interface EngineHandle extends EngineClient {
  /** The last snapshot; `EMPTY_STATE` until the engine is open. */
  readonly state: EngineState;
  /** At most 4 times a second. */
  readonly onDidChangeState: Event<EngineState>;
  readonly onDidHappen: Event<EngineEvent>;
  /** Waits for the engine to open. @throws {LoraSwarmError} what kept it from opening, or what the wish met. */
  wish<N extends WishName>(name: N, params: Wishes[N]['params'], options?: WishOptions): Promise<Wishes[N]['result']>;
}

/** What is drawn before the engine has said anything. */
export const EMPTY_STATE: EngineState = {
  identity: { key: '', fingerprint: '', name: '' },
  network: { mode: 'all', isOnline: true },
  rooms: [],
  peers: [],
  shared: [],
  library: [],
  transfers: [],
  catalogRevision: 0,
};
