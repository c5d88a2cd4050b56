import type { Socket } from 'node:net';
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageReader,
  type MessageWriter,
} from 'vscode-jsonrpc/node';
import { MAX_WISH_BYTES } from '../engine/limits';

// On a socket a message is 4 bytes, big-endian length N, then N bytes of JSON. Not the `Content-Length` lines of
// vscode-jsonrpc: its reader buffers headers and bodies without a bound.

const HEADER_BYTES = 4;

/** Reads exactly the first message and leaves what follows in the socket. Undefined: too late, too long, or no JSON. */
export function readFirstFrame(socket: Socket, maxBytes: number, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve) => {
    const frames = new FrameSplitter(maxBytes);
    const finish = (value: unknown): void => {
      clearTimeout(timer);
      socket.off('data', onData).off('close', onEnd).off('end', onEnd).off('error', onEnd);
      socket.pause();
      resolve(value);
    };
    const onData = (data: Buffer): void => {
      try {
        frames.push(data);
        const frame = frames.next();
        if (!frame) return;
        const value: unknown = JSON.parse(frame.toString('utf8'));
        const rest = frames.rest();
        finish(value);
        if (rest.length > 0) socket.unshift(rest);
      } catch {
        finish(undefined);
      }
    };
    const onEnd = (): void => finish(undefined);
    const timer = setTimeout(onEnd, timeoutMs);
    socket.on('data', onData).on('close', onEnd).on('end', onEnd).on('error', onEnd);
  });
}

export function encodeFrame(value: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(value), 'utf8');
  if (body.length > MAX_WISH_BYTES) throw new RangeError(`message of ${body.length} bytes`);
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.writeUInt32BE(body.length);
  return Buffer.concat([header, body]);
}

/** JSON-RPC messages from a socket. A message over the limit, or one that is no JSON object, ends the connection. */
export class FrameReader extends AbstractMessageReader implements MessageReader {
  constructor(private readonly socket: Socket) {
    super();
    socket.on('error', (error) => this.fireError(error));
    socket.on('close', () => this.fireClose());
  }

  listen(callback: DataCallback): Disposable {
    const frames = new FrameSplitter(MAX_WISH_BYTES);
    const onData = (data: Buffer): void => {
      try {
        frames.push(data);
        for (let frame = frames.next(); frame; frame = frames.next()) {
          const message: unknown = JSON.parse(frame.toString('utf8'));
          if (typeof message !== 'object' || message === null) throw new TypeError('message is no object');
          callback(message as Message);
        }
      } catch (error) {
        this.socket.destroy(error instanceof Error ? error : undefined);
      }
    };
    this.socket.on('data', onData);
    this.socket.resume(); // The handshake left it paused.
    return { dispose: () => void this.socket.off('data', onData) };
  }
}

export class FrameWriter extends AbstractMessageWriter implements MessageWriter {
  constructor(private readonly socket: Socket) {
    super();
    socket.on('error', (error) => this.fireError(error));
    socket.on('close', () => this.fireClose());
  }

  /** Resolves when the bytes have left this process, so that a slow reader slows down its sender. */
  write(message: Message): Promise<void> {
    return new Promise((resolve, reject) => {
      // A socket that is destroyed calls back with an error, too.
      this.socket.write(encodeFrame(message), (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  end(): void {
    this.socket.end();
  }
}

/** Cuts a stream of bytes into frames. @throws {RangeError} for a length over the limit, before its body is awaited. */
class FrameSplitter {
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(private readonly maxBytes: number) {}

  push(data: Buffer): void {
    this.#parts.push(data);
    this.#bytes += data.length;
  }

  next(): Buffer | undefined {
    if (this.#bytes < HEADER_BYTES) return undefined;
    let head = this.#parts[0]!;
    if (head.length < HEADER_BYTES) head = this.#join();
    const length = head.readUInt32BE(0);
    if (length > this.maxBytes) throw new RangeError(`message of ${length} bytes`);
    if (this.#bytes < HEADER_BYTES + length) return undefined;

    const all = this.#join();
    this.#parts = all.length === HEADER_BYTES + length ? [] : [all.subarray(HEADER_BYTES + length)];
    this.#bytes = all.length - HEADER_BYTES - length;
    return all.subarray(HEADER_BYTES, HEADER_BYTES + length);
  }

  rest(): Buffer {
    return this.#join();
  }

  #join(): Buffer {
    const all = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts, this.#bytes);
    this.#parts = [all];
    return all;
  }
}
