import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

// Where the leader of a storage folder listens, and how others find it.
//
// Unix: `<home>/engine.sock`. A socket path may hold 104 bytes on macOS and 108 on Linux, so for a longer home the socket
// is in a fresh private folder under the temporary folder and `<home>/engine.sock` is a symbolic link to it.
// Windows: a pipe whose name comes from the token, so nobody who cannot read the token can open the name first and
// play the engine.

/** Below the smallest `sun_path` (104 on macOS), with room for the name that the socket is bound under. */
const MAX_SOCKET_PATH_BYTES = 100;

const SOCKET_NAME = 'engine.sock';
const TOKEN_NAME = 'engine.token';
const TEMPORARY_PREFIX = 'lora-swarm-';

export function tokenPath(home: string): string {
  return path.join(home, TOKEN_NAME);
}

export function makeToken(): string {
  return randomBytes(32).toString('hex');
}

/** The token of the engine that leads, or of the last one that did. Undefined when there is none that can be read. */
export function readToken(home: string): string | undefined {
  try {
    const token = fs.readFileSync(tokenPath(home), 'latin1').trim();
    return /^[0-9a-f]{64}$/.test(token) ? token : undefined;
  } catch {
    return undefined;
  }
}

/** Where to connect. Undefined when nobody can be listening. */
export function findAddress(home: string): string | undefined {
  if (process.platform === 'win32') {
    const token = readToken(home);
    return token === undefined ? undefined : pipeName(home, token);
  }
  const file = path.join(home, SOCKET_NAME);
  try {
    return fs.lstatSync(file).isSymbolicLink() ? fs.readlinkSync(file) : file;
  } catch {
    return undefined;
  }
}

/** A place to listen at, made public only when the server listens. Call all of it under the leader's lock only. */
export interface Endpoint {
  /** What to bind. */
  readonly address: string;
  /** Makes it findable, in place of what a killed leader left. */
  publish(): void;
  remove(): void;
}

/**
 * The socket is bound under a name of its own and renamed into place. So what a killed leader left is replaced in one
 * step, and a worker thread that is torn down late, where libuv unlinks the name it bound, cannot take away the socket
 * of the next leader.
 */
export function makeEndpoint(home: string, token: string): Endpoint {
  if (process.platform === 'win32')
    return { address: pipeName(home, token), publish: () => undefined, remove: () => undefined };

  const file = path.join(home, SOCKET_NAME);
  removeOldFolder(file);
  const name = `engine-${randomBytes(4).toString('hex')}`;
  const beside = path.join(home, `${name}.sock`);
  if (Buffer.byteLength(beside) <= MAX_SOCKET_PATH_BYTES)
    return {
      address: beside,
      publish: () => {
        fs.chmodSync(beside, 0o600);
        fs.renameSync(beside, file);
      },
      remove: () => fs.rmSync(file, { force: true }),
    };

  const temporary = Buffer.byteLength(os.tmpdir()) <= MAX_SOCKET_PATH_BYTES - 40 ? os.tmpdir() : '/tmp';
  const folder = fs.mkdtempSync(path.join(temporary, TEMPORARY_PREFIX)); // Mode 0700.
  const address = path.join(folder, SOCKET_NAME);
  return {
    address,
    publish: () => {
      const link = path.join(home, `${name}.link`);
      fs.symlinkSync(address, link);
      fs.renameSync(link, file);
    },
    remove: () => {
      fs.rmSync(file, { force: true });
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

function removeOldFolder(file: string): void {
  try {
    const folder = path.dirname(fs.readlinkSync(file));
    if (path.basename(folder).startsWith(TEMPORARY_PREFIX)) fs.rmSync(folder, { recursive: true, force: true });
  } catch {
    // No link there: the usual case.
  }
}

function pipeName(home: string, token: string): string {
  const name = createHash('sha256')
    .update(`${path.resolve(home).toLowerCase()}\n${token}`)
    .digest('hex');
  return `\\\\.\\pipe\\lora-swarm-${name.slice(0, 32)}`;
}
