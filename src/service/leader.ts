import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { hasCode, LoraSwarmError, storageError } from '../engine/errors';
import { makeEndpoint, makeToken, tokenPath } from './address';

/** More shells than anybody opens; a bound on what a broken one can take. */
const MAX_CONNECTIONS = 64;

const SQLITE_BUSY = 5;

const SETTING = { kind: 'openSetting', key: 'storage.path' } as const;

/** Held by the one engine of a storage folder. Whoever has it may open the folder's database and its network. */
export interface Leadership {
  /** Takes the socket and the token away and closes its connections. The folder stays ours: nobody else may lead yet. */
  hide(): void;
  /** Lets the next one lead. */
  release(): void;
}

/**
 * Tries to lead the engine of a storage folder; undefined when somebody else does. Never waits for a lock. Who connects
 * must show the token, which is new for each leadership.
 *
 * The lock is an exclusive SQLite transaction on `<home>/leader.lock` that is never committed. The kernel holds it
 * (`fcntl` or `LockFileEx`) and drops it when the process dies in whatever way, so it cannot be stale and two can never
 * hold it. SQLite keeps the locks of one process apart by connection, so it also holds between threads of one process,
 * and a worker thread that crashes or is terminated gives it up. Nothing else may open that file: on POSIX, closing any
 * handle of it would drop the lock of this process.
 *
 * A bound socket alone is not enough on Unix: its file outlives a killed leader, and of two contenders that both find it
 * dead, the second would unlink what the first has just bound. So the socket is only touched by the holder of the lock.
 * The lock falls last, after the engine has closed.
 *
 * @throws {LoraSwarmError} `STORE_READ_ONLY`, `STORE_FULL` or `STORE_FAILED` when the folder cannot be used.
 */
export async function tryLead(
  home: string,
  onConnection: (socket: net.Socket, token: string) => void,
): Promise<Leadership | undefined> {
  makeHome(home);
  const lock = takeLock(path.join(home, 'leader.lock'));
  if (!lock) return undefined;

  const token = makeToken();
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined); // A shell that dies is no news; 'close' follows.
    onConnection(socket, token);
  });
  server.maxConnections = MAX_CONNECTIONS;

  try {
    // The token is there before anybody can connect: who reaches our socket finds our token.
    fs.writeFileSync(tokenPath(home), token, { mode: 0o600 });
    const endpoint = makeEndpoint(home, token);
    await listen(server, endpoint.address);
    endpoint.publish();
    return {
      hide: () => {
        endpoint.remove();
        fs.rmSync(tokenPath(home), { force: true });
        server.close();
        for (const socket of sockets) socket.destroy();
      },
      release: () => lock.close(),
    };
  } catch (error) {
    server.close();
    lock.close();
    throw storageError(error, home);
  }
}

/** The storage folder is private: it holds the token, the rooms' secrets and perhaps the identity. */
function makeHome(home: string): void {
  try {
    fs.mkdirSync(home, { recursive: true, mode: 0o700 });
    if (process.platform !== 'win32' && (fs.statSync(home).mode & 0o077) !== 0) fs.chmodSync(home, 0o700);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' && code !== 'ENOTDIR') throw storageError(error, home);
    throw new LoraSwarmError('STORE_FAILED', `${home} is a file. Choose a folder for the storage.`, SETTING);
  }
}

function takeLock(file: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE'); // In memory, so that no journal lies beside it.
    fs.chmodSync(file, 0o600); // By its name; opening it would drop the lock.
    return database;
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
    throw lockFailed(file, error);
  }
}

function lockFailed(file: string, cause: unknown): LoraSwarmError {
  const known = storageError(cause, file);
  if (hasCode(known, 'STORE_FULL', 'STORE_READ_ONLY')) return known;
  try {
    fs.accessSync(path.dirname(file), fs.constants.W_OK);
  } catch (error) {
    const reason = storageError(error, path.dirname(file));
    if (reason instanceof LoraSwarmError) return reason;
  }
  return new LoraSwarmError(
    'STORE_FAILED',
    `${path.dirname(file)} cannot be locked. Choose a folder on a local disk for the storage.`,
    SETTING,
    { cause },
  );
}

function listen(server: net.Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      server.on('error', () => undefined); // Accepting can fail for want of handles; the next one may not.
      resolve();
    });
  });
}
