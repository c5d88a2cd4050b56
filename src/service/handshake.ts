import { createHash, timingSafeEqual } from 'node:crypto';
import net from 'node:net';
import { LoraSwarmError } from '../engine/errors';
import { findAddress, readToken } from './address';
import { encodeFrame, readFirstFrame } from './frames';
import { PRODUCT_VERSION, PROTOCOL_VERSION } from './protocol';

// The first frame each way on a socket; JSON-RPC starts only when the token was right. This shape never changes, so that
// shells of any two versions can at least tell each other which of them is old.

/** A hello has about 150 bytes. */
const MAX_HELLO_BYTES = 4096;

const HELLO_TIMEOUT_MS = 1000;

/** An engine's thread can be at work for a moment, hashing. */
const ANSWER_TIMEOUT_MS = 5000;

/** Side of the engine: true when the one who connected showed the token and speaks our protocol; else the socket is closed. */
export async function welcome(socket: net.Socket, token: string): Promise<boolean> {
  const hello = fields(await readFirstFrame(socket, MAX_HELLO_BYTES, HELLO_TIMEOUT_MS));
  if (hello['type'] !== 'hello' || typeof hello['token'] !== 'string' || !isSame(hello['token'], token)) {
    socket.destroy(); // Without a word: nothing tells a guesser what was wrong.
    return false;
  }

  socket.write(encodeFrame({ type: 'welcome', protocol: PROTOCOL_VERSION, version: PRODUCT_VERSION }));
  if (hello['protocol'] === PROTOCOL_VERSION) return true;
  socket.destroySoon(); // When the answer is out.
  return false;
}

/**
 * Side of a shell: a socket on which JSON-RPC can start, or undefined when nobody answers now.
 *
 * @throws {LoraSwarmError} `ENGINE_VERSION` when the engine that leads speaks another protocol, `ENGINE_UNREACHABLE`
 * when the socket belongs to somebody else.
 */
export async function knock(home: string, signal: AbortSignal): Promise<net.Socket | undefined> {
  const address = findAddress(home);
  const socket = address === undefined ? undefined : await connect(address, signal);
  const token = socket ? readToken(home) : undefined; // After connecting, so it is the token of who listens now.
  if (!socket || token === undefined) {
    socket?.destroy();
    return undefined;
  }

  socket.write(encodeFrame({ type: 'hello', protocol: PROTOCOL_VERSION, version: PRODUCT_VERSION, token }));
  const answer = fields(await readFirstFrame(socket, MAX_HELLO_BYTES, ANSWER_TIMEOUT_MS));
  if (answer['type'] === 'welcome' && answer['protocol'] === PROTOCOL_VERSION) return socket;
  socket.destroy();
  if (answer['type'] === 'welcome') throw versionDiffers(answer);
  return undefined;
}

/** Whether somebody listens there, for a contender that has lost. */
export async function isAnswered(home: string): Promise<boolean> {
  const address = findAddress(home);
  const socket = address === undefined ? undefined : await connect(address).catch(() => undefined);
  socket?.destroy();
  return socket !== undefined;
}

/** A socket that ends when the signal fires, or undefined when nobody listens. */
function connect(address: string, signal?: AbortSignal): Promise<net.Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path: address, ...(signal ? { signal } : {}) });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EACCES' || error.code === 'EPERM') reject(notOurs(error));
      else resolve(undefined);
    });
    socket.on('connect', () => resolve(socket));
  });
}

function notOurs(cause: unknown): LoraSwarmError {
  return new LoraSwarmError(
    'ENGINE_UNREACHABLE',
    'The engine of this storage folder belongs to another user. Choose another folder.',
    { kind: 'openSetting', key: 'storage.path' },
    { cause },
  );
}

function versionDiffers(answer: Record<string, unknown>): LoraSwarmError {
  const theirs = String(answer['version']).slice(0, 40);
  return new LoraSwarmError(
    'ENGINE_VERSION',
    Number(answer['protocol']) < PROTOCOL_VERSION
      ? `Another window or terminal runs the older LoRA Swarm ${theirs}. Reload that window, or end it, then try again.`
      : `Another window or terminal runs the newer LoRA Swarm ${theirs}. This one is ${PRODUCT_VERSION}: reload this window, or update.`,
    { kind: 'retry' },
  );
}

function isSame(given: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
