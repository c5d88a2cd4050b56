import type { Event } from './events';
import type { Logger } from './log';
import type { EngineState } from './state';
import type { EngineClient, EngineEvent, WishName, WishOptions, Wishes } from './wishes';

/** Where one engine lives and what it may touch. */
export interface EngineOptions {
  /** Storage folder, absolute. Made with mode 0700 when it is not there. */
  readonly home: string;
  readonly log: Logger;
  /** `HOST:PORT` of DHT bootstrap nodes. Absent: the setting, then the public Hyperswarm DHT. */
  readonly bootstrap?: readonly string[];
  /** Address to bind every socket to. With 127.0.0.1 nothing leaves loopback, multicast included. */
  readonly host?: string;
  /** `OLLAMA_HOST` of the shell that started the engine. */
  readonly ollamaHost?: string;
  /** 32-byte Ed25519 seed, hex, from the shell's secret storage. Absent: `identity.key` (0600) in `home`. */
  readonly identitySeed?: string;
  /** Starts the links that `share` gives: `vscode`, `vscode-insiders`, `vscodium`, … */
  readonly uriScheme?: string;
}

/** The engine of one storage folder: plain parts in reading order, one method per wish. */
export interface Engine extends EngineClient {
  readonly state: EngineState;
  /** At most 4 times a second. */
  readonly onDidChangeState: Event<EngineState>;
  readonly onDidHappen: Event<EngineEvent>;
  wish<N extends WishName>(name: N, params: Wishes[N]['params'], options?: WishOptions): Promise<Wishes[N]['result']>;
  /** Ends within 3 s, whatever the network does. */
  close(): Promise<void>;
}
