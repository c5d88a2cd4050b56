import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CopyPiece, Piece } from '../../../../src/engine/adapter/merge/writing/mergePiece';
import { MergeThreads, type OnDone } from '../../../../src/engine/adapter/merge/writing/mergeThreads';

const BYTES = 64 * 1024;

describe('threads of a merge', () => {
  let folder: string;
  let base: FileHandle;
  let merged: FileHandle;
  const content = Buffer.from(Array.from({ length: BYTES }, (_, at) => (at * 7919) >> 8));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lora-swarm-threads-'));
    await writeFile(join(folder, 'base'), content);
    base = await open(join(folder, 'base'), 'r');
    merged = await open(join(folder, 'merged'), 'wx+');
  });

  afterEach(async () => {
    await Promise.all([base.close(), merged.close()]);
    await rm(folder, { recursive: true });
  });

  const start = (onDone: OnDone, target = merged, signal?: AbortSignal) =>
    new MergeThreads(2, { base: base.fd, merged: target.fd }, onDone, signal);

  it('do every piece once, and tell', async () => {
    const done: Piece[] = [];
    const threads = start((piece) => done.push(piece));
    try {
      const pieces = [...piecesOf(1024)];

      for (const piece of pieces) await threads.add(piece);
      await threads.finish();

      assert.deepEqual(new Set(done), new Set(pieces));
      assert.equal(done.length, pieces.length);
      assert.ok((await readFile(join(folder, 'merged'))).equals(content));
    } finally {
      await threads.close();
    }
  });

  it('fail with what the system says of a write', async () => {
    const threads = start(() => undefined, base); // Open for reading only.
    try {
      await assert.rejects(addAll(threads), { code: 'EBADF' });
      await assert.rejects(threads.finish(), { code: 'EBADF' });
    } finally {
      await threads.close();
    }
  });

  it('fail with what is thrown by whoever hears of a piece', async () => {
    const threads = start(() => {
      throw new RangeError('enough');
    });
    try {
      await assert.rejects(addAll(threads), RangeError);
    } finally {
      await threads.close();
    }
  });

  it('take nothing more once they are told to stop, and write nothing more once they are closed', async () => {
    const stop = new AbortController();
    const threads = start(() => stop.abort(new Error('stopped')), merged, stop.signal);
    try {
      await assert.rejects(addAll(threads), /stopped/);
    } finally {
      await threads.close();
    }

    const written = await readFile(join(folder, 'merged'));
    await new Promise(setImmediate);
    assert.ok((await readFile(join(folder, 'merged'))).equals(written));
    assert.ok(written.length < BYTES);
  });
});

async function addAll(threads: MergeThreads): Promise<void> {
  for (const piece of piecesOf(16)) await threads.add(piece);
  await threads.finish();
}

function* piecesOf(bytes: number): Generator<CopyPiece> {
  for (let at = 0; at < BYTES; at += bytes) yield { kind: 'copy', from: at, to: at, bytes };
}
