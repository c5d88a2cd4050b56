import type { MessagePort } from 'node:worker_threads';
import type net from 'node:net';
import {
  createMessageConnection,
  type MessageConnection,
  PortMessageReader,
  PortMessageWriter,
} from 'vscode-jsonrpc/node';
import type { Engine } from '../engine/engine';
import { DisposableStore } from '../engine/lifecycle';
import type { Logger } from '../engine/log';
import type { EngineState } from '../engine/state';
import type { EngineEvent, WishProgress } from '../engine/wishes';
import { FrameReader, FrameWriter } from './frames';
import { LatestValue } from './pace';
import {
  eventNotification,
  type LogLine,
  logNotification,
  parseWishParams,
  stateNotification,
  UPDATE_INTERVAL_MS,
  wishProgress,
  wishRequest,
} from './protocol';
import { abortError, toResponseError } from './wireErrors';

/** What may wait for a shell that does not read. One that is stopped for longer is cut off, and attaches again later. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;

/** Serves one engine to any number of shells: wishes in, states and events out. */
export class EngineServer {
  readonly #shells = new Set<Shell>();
  readonly #owned = new DisposableStore();
  readonly #states: LatestValue<EngineState>;
  #lastState = '';

  constructor(
    private readonly engine: Promise<Engine>,
    private readonly log: Logger,
  ) {
    this.#states = this.#owned.add(new LatestValue(UPDATE_INTERVAL_MS, (state) => this.#publish(state)));
    engine.then(
      (opened) => {
        this.#owned.add(opened.onDidChangeState((state) => this.#states.offer(state)));
        this.#owned.add(opened.onDidHappen((event) => this.#tell(event)));
        this.#states.offer(opened.state);
      },
      () => undefined, // Whoever opens the engine reports it.
    );
  }

  addPort(port: MessagePort): void {
    const connection = createMessageConnection(new PortMessageReader(port), new PortMessageWriter(port));
    this.#add(new Shell(connection, false, () => true, this.engine, this.log), connection);
  }

  /** For a socket that has shown the token. */
  addSocket(socket: net.Socket): void {
    const connection = createMessageConnection(new FrameReader(socket), new FrameWriter(socket));
    const isWritable = (): boolean => {
      if (socket.writableLength > MAX_UNSENT_BYTES) socket.destroy();
      return !socket.destroyed;
    };
    this.#add(new Shell(connection, true, isWritable, this.engine, this.log), connection);
  }

  /** Hands a line of the engine's log to the shells of other processes. What peers did stays where the engine runs. */
  tellLog(line: LogLine): void {
    if (line.level === 'trace' || line.level === 'debug') return;
    for (const shell of this.#shells)
      if (shell.isRemote) shell.send((connection) => connection.sendNotification(logNotification, line));
  }

  /** Cuts every shell off. What they still wait for is asked again of the next engine. */
  dispose(): void {
    this.#owned.dispose();
    for (const shell of this.#shells) shell.end();
    this.#shells.clear();
  }

  #add(shell: Shell, connection: MessageConnection): void {
    this.#shells.add(shell);
    connection.onClose(() => {
      this.#shells.delete(shell);
      shell.end();
    });
    connection.listen();
    void this.engine.then(
      (engine) => shell.offerState(engine.state),
      () => undefined,
    );
  }

  #publish(state: EngineState): void {
    const text = JSON.stringify(state);
    if (text === this.#lastState) return;

    this.#lastState = text;
    for (const shell of this.#shells) shell.offerState(state);
  }

  #tell(event: EngineEvent): void {
    for (const shell of this.#shells) shell.send((connection) => connection.sendNotification(eventNotification, event));
  }
}

/** One attached shell. */
class Shell {
  readonly #wishes = new Set<AbortController>();
  #isSendingState = false;
  #nextState: EngineState | undefined;
  #isEnded = false;

  constructor(
    private readonly connection: MessageConnection,
    readonly isRemote: boolean,
    private readonly isWritable: () => boolean,
    private readonly engine: Promise<Engine>,
    private readonly log: Logger,
  ) {
    connection.onRequest(wishRequest, async (params, token) => {
      const abort = new AbortController();
      if (token.isCancellationRequested) abort.abort(abortError());
      token.onCancellationRequested(() => abort.abort(abortError()));
      try {
        return await this.#wish(params, abort);
      } catch (error) {
        throw toResponseError(error, this.log);
      }
    });
    connection.onError(([error]) => this.log.debug(`shell: ${error.message}`));
  }

  /** One state is under way at a time, so a slow shell gets fewer of them, never a queue. */
  offerState(state: EngineState): void {
    this.#nextState = state;
    if (this.#isSendingState || this.#isEnded) return;

    this.#isSendingState = true;
    const sent = this.connection.sendNotification(stateNotification, state);
    this.#nextState = undefined;
    void sent.then(
      () => {
        this.#isSendingState = false;
        if (this.#nextState) this.offerState(this.#nextState);
      },
      () => undefined, // The connection is gone; its 'close' tidies up.
    );
  }

  send(write: (connection: MessageConnection) => Promise<void>): void {
    if (!this.#isEnded && this.isWritable()) write(this.connection).catch(() => undefined);
  }

  end(): void {
    if (this.#isEnded) return;

    this.#isEnded = true;
    for (const abort of this.#wishes) abort.abort(abortError());
    this.connection.dispose();
  }

  async #wish(value: unknown, abort: AbortController): Promise<unknown> {
    const { name, params, progress } = parseWishParams(value);
    const updates = new Map<string, LatestValue<WishProgress>>();
    const onProgress = (update: WishProgress): void => {
      // The two sides of a comparison speak at once; neither replaces what the other said.
      const stream = update.kind === 'compare' ? `compare ${update.side}` : update.kind;
      const paced =
        updates.get(stream) ??
        new LatestValue<WishProgress>(UPDATE_INTERVAL_MS, (latest) =>
          this.send((connection) => connection.sendProgress(wishProgress, progress!, latest)),
        );
      updates.set(stream, paced);
      paced.offer(update);
    };

    // A download that was asked for stays in the list of transfers when its window is closed; anyone can cancel it there.
    if (name !== 'get') this.#wishes.add(abort);
    try {
      const engine = await this.engine;
      return await engine.wish(name, params as never, {
        signal: abort.signal,
        ...(progress === undefined ? {} : { onProgress }),
      });
    } finally {
      this.#wishes.delete(abort);
      for (const paced of updates.values()) {
        paced.flush();
        paced.dispose();
      }
    }
  }
}
