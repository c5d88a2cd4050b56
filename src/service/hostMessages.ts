import type { MessagePort } from 'node:worker_threads';
import type { EngineOptions } from '../engine/engine';
import type { LogLine } from './protocol';
import type { WireError } from './wireErrors';

// What the engine's thread and the process that started it tell each other, beside the RPC.

/** What the thread is started with. */
export interface HostData {
  readonly options: Omit<EngineOptions, 'log'>;
  /** Carries the RPC with the shell in whose process the thread runs. */
  readonly port: MessagePort;
}

/** What the thread says about itself, beside the RPC. `lost`: another leads and answers, so attach to it. */
export type HostMessage =
  | { readonly type: 'leading' }
  | { readonly type: 'lost' }
  | { readonly type: 'failed'; readonly error: WireError }
  | ({ readonly type: 'log' } & LogLine);

/** The one message to the thread. */
export const CLOSE = 'close';
