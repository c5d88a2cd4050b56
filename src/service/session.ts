import { inspect } from 'node:util';
import { MessageChannel, Worker } from 'node:worker_threads';
import {
  CancellationTokenSource,
  createMessageConnection,
  type MessageConnection,
  PortMessageReader,
  PortMessageWriter,
} from 'vscode-jsonrpc/node';
import type { EngineOptions } from '../engine/engine';
import type { EngineState } from '../engine/state';
import type { EngineEvent, WishName, WishOptions, Wishes } from '../engine/wishes';
import { FrameReader, FrameWriter } from './frames';
import { knock } from './handshake';
import { CLOSE, type HostData, type HostMessage } from './hostMessages';
import { within } from './pace';
import {
  eventNotification,
  LOG_LEVELS,
  logNotification,
  stateNotification,
  wishProgress,
  wishRequest,
} from './protocol';
import { abortError, fromResponseError, fromWireError } from './wireErrors';

/** In all, for an engine in our process to let go of everything. Then its thread is ended. */
const CLOSE_MS = 3000;

/** How long a closed connection may take to show as one, after a message could not be written. */
const LOSS_MS = 1000;

export interface ServiceOptions extends Omit<EngineOptions, 'identitySeed'> {
  /** As in `EngineOptions`, or asked for each time an engine starts here: the user may have moved to another one meanwhile. */
  readonly identitySeed?: string | (() => Promise<string | undefined>);
  /** The bundled `worker.js`. */
  readonly workerPath: string;
}

/** What an engine tells without being asked. */
export interface SessionListener {
  onState(state: EngineState): void;
  onEvent(event: EngineEvent): void;
}

/** Thrown by a wish whose engine went away before it answered. */
export class SessionLost extends Error {}

/** A connection to one engine: in our own process, or over its socket. */
export interface Session {
  /** The engine runs in this process. */
  readonly isLeader: boolean;
  /** Resolves when the engine is gone, with whether it crashed in our own process. */
  readonly closed: Promise<{ readonly isCrash: boolean }>;
  wish<N extends WishName>(name: N, params: Wishes[N]['params'], options: WishOptions): Promise<Wishes[N]['result']>;
  /** Ends within 3 s. An engine in our process is closed. */
  end(): Promise<void>;
}

/**
 * Attaches to the engine that leads, when one answers. The session has had its first state.
 *
 * @throws {LoraSwarmError} `ENGINE_VERSION`, `ENGINE_UNREACHABLE`
 */
export async function attach(
  { home, log }: ServiceOptions,
  listener: SessionListener,
  signal: AbortSignal,
): Promise<Session | undefined> {
  const socket = await knock(home, signal);
  if (!socket) return undefined;

  const connection = createMessageConnection(new FrameReader(socket), new FrameWriter(socket));
  const closed = new Promise<{ isCrash: boolean }>((resolve) => {
    if (socket.destroyed) resolve({ isCrash: false });
    socket.on('close', () => resolve({ isCrash: false }));
  });
  connection.onNotification(logNotification, ({ level, message }) => {
    if (LOG_LEVELS.includes(level)) log[level](message);
  });
  const session = new RpcSession(connection, false, closed, listener, () => {
    socket.destroy();
    return Promise.resolve();
  });
  const stop = (): void => void session.end();
  signal.addEventListener('abort', stop);
  try {
    if (signal.aborted) stop();
    if (await session.started) return session;
    await session.end();
    return undefined;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * Starts an engine of our own, unless somebody else turns out to lead. The session has had its first state.
 *
 * @throws what opening the engine throws.
 */
export async function lead(
  options: ServiceOptions,
  listener: SessionListener,
  signal: AbortSignal,
): Promise<Session | undefined> {
  const { log, workerPath, identitySeed, ...rest } = options;
  const seed = typeof identitySeed === 'function' ? await identitySeed() : identitySeed;
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(workerPath, {
    // Most of what a transfer makes is dead at once, and keeps frames alive until the nursery is swept. A small one is swept
    // before those press for a whole collection, of which there were up to 20 a second.
    resourceLimits: { maxYoungGenerationSizeMb: 3 },
    workerData: {
      options: seed === undefined ? rest : { ...rest, identitySeed: seed },
      port: port2,
    } satisfies HostData,
    transferList: [port2],
    name: 'lora-swarm',
    stdout: true, // Whatever a library prints: our own output is for programs to read.
    stderr: true,
  });
  for (const stream of [worker.stdout, worker.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => log.debug(text.trimEnd()));

  const fate: { error?: Error; isLost: boolean; isCrash: boolean } = { isLost: false, isCrash: false };
  worker.on('message', (message: HostMessage) => {
    if (message.type === 'log') log[message.level](message.message);
    else if (message.type === 'lost') fate.isLost = true;
    else if (message.type === 'failed') fate.error = fromWireError(message.error);
  });
  worker.on('error', (crash) => {
    fate.isCrash = true;
    log.error(`The engine crashed. ${inspect(crash)}`);
  });
  const closed = new Promise<{ isCrash: boolean }>((resolve) => worker.once('exit', () => resolve(fate)));

  const connection = createMessageConnection(new PortMessageReader(port1), new PortMessageWriter(port1));
  const session = new RpcSession(connection, true, closed, listener, async () => {
    worker.postMessage(CLOSE);
    if (!(await within(CLOSE_MS, closed))) {
      log.warn('The engine did not close in time and was ended.');
      await worker.terminate();
    }
    port1.close();
  });
  const stop = (): void => void session.end();
  signal.addEventListener('abort', stop);
  try {
    if (signal.aborted) stop();
    if (await session.started) return session;
    await session.end();
    if (fate.error) throw fate.error;
    if (fate.isCrash) throw new Error('The engine crashed while it started.');
    if (!fate.isLost) log.debug('The engine ended before it led.');
    return undefined;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

class RpcSession implements Session {
  /** True with the first state, false when the engine ended before. */
  readonly started: Promise<boolean>;
  #nextProgress = 1;
  #ending: Promise<void> | undefined;
  #isClosed = false;

  constructor(
    private readonly connection: MessageConnection,
    readonly isLeader: boolean,
    readonly closed: Promise<{ readonly isCrash: boolean }>,
    listener: SessionListener,
    private readonly stop: () => Promise<void>,
  ) {
    this.started = new Promise((resolve) => {
      connection.onNotification(stateNotification, (state) => {
        if (this.#ending) return;
        listener.onState(state);
        resolve(true);
      });
      void closed.then(() => resolve(false));
    });
    connection.onNotification(eventNotification, (event) => listener.onEvent(event));
    connection.onError(() => undefined); // 'closed' follows.
    connection.listen();
    void closed.then(() => {
      this.#isClosed = true;
      connection.dispose(); // Rejects what waits for an answer.
    });
  }

  async wish<N extends WishName>(
    name: N,
    params: Wishes[N]['params'],
    { signal, onProgress }: WishOptions,
  ): Promise<Wishes[N]['result']> {
    if (signal?.aborted) throw abortError();
    if (this.#isClosed) throw new SessionLost();

    const source = new CancellationTokenSource();
    const cancel = (): void => source.cancel();
    signal?.addEventListener('abort', cancel);
    const progress = onProgress ? this.#nextProgress++ : undefined;
    const listening = onProgress && this.connection.onProgress(wishProgress, progress!, onProgress);
    try {
      const message = { name, params, ...(progress === undefined ? {} : { progress }) };
      return (await this.connection.sendRequest(wishRequest, message, source.token)) as Wishes[N]['result'];
    } catch (error) {
      throw fromResponseError(error) ?? (await this.#lossOr(error, signal));
    } finally {
      signal?.removeEventListener('abort', cancel);
      listening?.dispose();
      source.dispose();
    }
  }

  end(): Promise<void> {
    return (this.#ending ??= this.stop());
  }

  async #lossOr(error: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    const isLost = this.#isClosed || this.#ending !== undefined || (await within(LOSS_MS, this.closed)) !== undefined;
    if (!isLost) return error; // Not the engine's end: a message that cannot be sent, a bug.
    return signal?.aborted ? abortError() : new SessionLost();
  }
}
