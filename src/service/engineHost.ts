import type net from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { Engine, EngineOptions } from '../engine/engine';
import { LoraSwarmError } from '../engine/errors';
import type { Logger } from '../engine/log';
import { isAnswered, welcome } from './handshake';
import { CLOSE, type HostData, type HostMessage } from './hostMessages';
import { type Leadership, tryLead } from './leader';
import { pause, within } from './pace';
import type { LogLevel } from './protocol';
import { EngineServer } from './server';
import { toWireError } from './wireErrors';

export type CreateEngine = (options: EngineOptions) => Promise<Engine>;

/** The engine promises 3 s in all; what is left is for the thread to end. */
const ENGINE_CLOSE_MS = 2500;

/** A leader that is closing needs 3 s at most. One that holds the lock for longer without listening is stuck. */
const CONTEND_MS = 10_000;

/**
 * The life of the engine's thread: becomes the leader or says who lost, opens the engine, serves it, and closes it in
 * bounded time. The lock falls last, so the next engine of this folder starts when this one has let go of everything.
 */
export async function hostEngine(createEngine: () => Promise<CreateEngine>): Promise<void> {
  const parent = parentPort!;
  const { options, port } = workerData as HostData;
  const say = (message: HostMessage): void => parent.postMessage(message);
  const closing = new AbortController();
  parent.on('message', (message) => message === CLOSE && closing.abort());

  let server: EngineServer | undefined;
  const log = forward((level, message) => {
    say({ type: 'log', level, message });
    server?.tellLog({ level, message });
  });
  let leadership: Leadership | undefined;
  try {
    leadership = await contend(options.home, closing.signal, (socket, token) => {
      welcome(socket, token).then(
        (isTrusted) => {
          if (isTrusted && server && !closing.signal.aborted) server.addSocket(socket);
          else socket.destroy();
        },
        () => socket.destroy(),
      );
    });
    if (!leadership) say({ type: 'lost' });
    else {
      say({ type: 'leading' });
      const opening = createEngine().then((create) => create({ ...options, log }));
      server = new EngineServer(opening, log);
      server.addPort(port);
      await lead(opening, closing.signal, () => {
        leadership?.hide();
        server?.dispose();
      });
    }
  } catch (error) {
    say({ type: 'failed', error: toWireError(error, log) });
  } finally {
    leadership?.hide();
    leadership?.release();
    server?.dispose();
    port.close();
    parent.close();
  }
}

/** Until it is told to close, or wants to be opened anew with another identity. The shells are cut off first: they ask the next engine again instead of hearing "closed". */
async function lead(opening: Promise<Engine>, closing: AbortSignal, hide: () => void): Promise<void> {
  const engine = await opening;
  await new Promise<void>((resolve) => {
    if (closing.aborted) resolve();
    closing.addEventListener('abort', () => resolve());
    engine.onDidAskRestart?.(resolve);
  });
  hide();
  const isClosed = await within(
    ENGINE_CLOSE_MS,
    engine.close().then(() => true),
  );
  // Ends the thread with all that it holds, and only then, by that, the lock.
  if (!isClosed) process.exit(1);
}

async function contend(
  home: string,
  closing: AbortSignal,
  onConnection: (socket: net.Socket, token: string) => void,
): Promise<Leadership | undefined> {
  const deadline = performance.now() + CONTEND_MS;
  while (!closing.aborted) {
    const leadership = await tryLead(home, onConnection);
    if (leadership) return leadership;
    if (await isAnswered(home)) return undefined;
    if (performance.now() > deadline) throw leaderSilent(home);
    await pause(10 + Math.random() * 30, closing); // At random, so that contenders do not go on meeting.
  }
  return undefined;
}

function leaderSilent(home: string): LoraSwarmError {
  return new LoraSwarmError(
    'ENGINE_UNREACHABLE',
    `Another window or terminal holds ${home} but does not answer. Reload or end it, then try again.`,
    { kind: 'retry' },
  );
}

function forward(write: (level: LogLevel, message: string) => void): Logger {
  return {
    trace: (message) => write('trace', message),
    debug: (message) => write('debug', message),
    info: (message) => write('info', message),
    warn: (message) => write('warn', message),
    error: (message) => write('error', message),
  };
}
