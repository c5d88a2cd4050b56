import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { answer } from './calls';
import { connectPipe, listenPipe, PIECE_BYTES, type PipeAddress, type PipeKind } from './pipes';
import { usageCalls } from './usage';

// One end of a bare connection, from memory to nowhere: no protocol, no verification. What a program on it can reach at most.

const calls = {
  /** Sends so many bytes to whoever connects. @returns where. */
  give({ kind, bootstrap, bytes }: PipeParams): Promise<PipeAddress> {
    return listenPipe(kind, bootstrap, (stream) => {
      stream.on('error', () => undefined);
      stream.once('data', () => void send(stream, bytes, PIECE_BYTES[kind])); // The other end says that its clock runs.
    });
  },

  /** Connects and takes the bytes. */
  async take({ kind, bootstrap, bytes, address }: PipeParams & { address: PipeAddress }): Promise<PipeTimes> {
    const stream = await connectPipe(kind, bootstrap, address);
    stream.on('error', () => undefined);
    const start = performance.now();
    let firstByteMs = 0;
    let done = 0;
    const end = Promise.withResolvers<undefined>();
    stream.on('close', () => end.reject(new Error(`the connection broke after ${done} bytes`)));
    stream.on('data', (data: Buffer) => {
      if (done === 0) firstByteMs = performance.now() - start;
      done += data.length;
      if (done >= bytes) end.resolve(undefined);
    });
    stream.write(Buffer.from('go'));
    await end.promise;
    return { ms: performance.now() - start, firstByteMs };
  },

  ...usageCalls(),
};

export interface PipeParams {
  readonly kind: PipeKind;
  readonly bootstrap: readonly string[];
  readonly bytes: number;
}

export interface PipeTimes {
  readonly ms: number;
  readonly firstByteMs: number;
}

export type PipeCalls = typeof calls;

answer(calls);

async function send(stream: Duplex, bytes: number, pieceBytes: number): Promise<void> {
  const memory = Buffer.alloc(pieceBytes, 'lora');
  for (let at = 0; at < bytes; at += pieceBytes)
    if (!stream.write(memory.subarray(0, Math.min(pieceBytes, bytes - at)))) await once(stream, 'drain');
}
