import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { BlobReceiver } from '../../../src/engine/ollama/registry/blobReceiver';
import { LoopbackRegistry } from '../../../src/engine/ollama/registry/loopbackRegistry';

const BYTES = Buffer.from('one blob, in three parts');
const DIGEST = `sha256:${createHash('sha256').update(BYTES).digest('hex')}`;
const OTHER = `sha256:${'0'.repeat(64)}`;

describe('a blob that Ollama uploads', () => {
  let folder: string;
  let handle: FileHandle;
  let registry: LoopbackRegistry;
  let receiver: BlobReceiver;
  let base: string;
  const failures: unknown[] = [];

  beforeEach(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'receiver-'));
    handle = await open(path.join(folder, 'blob'), 'w+');
    registry = new LoopbackRegistry();
    await registry.open();
    const [host = '', ...repository] = registry.model.replace(/:v1$/, '').split('/');
    base = `http://${host}/v2/${repository.join('/')}`;
    failures.length = 0;
    receiver = new BlobReceiver({ digest: DIGEST, bytes: BYTES.length }, handle, (error) => failures.push(error));
  });
  afterEach(async () => {
    await registry.close();
    await handle.close();
    fs.rmSync(folder, { recursive: true });
  });

  const begin = async (): Promise<string> => {
    registry.receive(receiver);
    const answer = await fetch(`${base}/blobs/uploads/?mount=${DIGEST}&from=library/x`, { method: 'POST' });
    assert.equal(answer.status, 202);
    return answer.headers.get('location') ?? '';
  };
  const part = async (url: string, start: number, end: number, bytes = BYTES.subarray(start, end)): Promise<number> =>
    (await fetch(url, { method: 'PATCH', headers: { 'content-range': `${start}-${end - 1}` }, body: bytes })).status;
  const finish = async (url: string, digest = DIGEST): Promise<number> =>
    (await fetch(`${url}?digest=${encodeURIComponent(digest)}&etag=x-3`, { method: 'PUT' })).status;
  const has = async (digest: string): Promise<boolean> =>
    (await fetch(`${base}/blobs/${digest}`, { method: 'HEAD' })).status === 200;

  it('is asked for alone, part by part, and no more once it is here', async () => {
    assert.equal(await has(DIGEST), true); // Nobody wants it yet.
    const url = await begin();
    assert.deepEqual([await has(DIGEST), await has(OTHER)], [false, true]);

    const statuses = [await part(url, 0, 10), await part(url, 10, 20), await part(url, 20, BYTES.length)];

    assert.deepEqual([...statuses, await finish(url)], [202, 202, 202, 201]);
    assert.deepEqual(fs.readFileSync(path.join(folder, 'blob')), BYTES);
    assert.deepEqual([receiver.isDone, await has(DIGEST), failures.length], [true, true, 0]);
  });

  it('takes a part again that broke off', async () => {
    const url = await begin();
    await part(url, 0, 10);

    await breakOff(url, 10, BYTES.length, Buffer.from('other by'));
    let status = await part(url, 10, BYTES.length);
    while (status === 409) status = await part(url, 10, BYTES.length);

    assert.deepEqual([status, await finish(url), receiver.isDone], [202, 201, true]);
    assert.deepEqual(fs.readFileSync(path.join(folder, 'blob')), BYTES);
  });

  for (const [what, start, end] of [
    ['leaves a hole', 4, 8],
    ['is longer than the blob', 0, BYTES.length + 1],
  ] as const)
    it(`is given up when a part ${what}`, async () => {
      const url = await begin();

      const status = await part(url, start, end, Buffer.alloc(end - start));

      assert.deepEqual([status, failures.length, receiver.isDone], [416, 1, false]);
      assert.equal(fs.statSync(path.join(folder, 'blob')).size, 0);
    });

  it('writes no more than a part says it holds', async () => {
    const url = await begin();

    const status = await part(url, 0, 4, BYTES);

    assert.deepEqual([status, receiver.isDone], [400, false]);
    assert.ok(fs.statSync(path.join(folder, 'blob')).size <= 4);
  });

  it('is not done with other bytes, too few, or another digest', async () => {
    const url = await begin();
    await part(url, 0, BYTES.length, Buffer.alloc(BYTES.length));

    assert.deepEqual([await finish(url, OTHER), failures.length], [400, 0]);
    assert.deepEqual([await finish(url), failures.length, receiver.isDone], [400, 1, false]);
  });

  it('ends at once when it cannot be written', async () => {
    const readOnly = await open(path.join(folder, 'blob'), 'r');
    receiver = new BlobReceiver({ digest: DIGEST, bytes: BYTES.length }, readOnly, (error) => failures.push(error));
    const url = await begin();

    const status = await part(url, 0, BYTES.length);

    await readOnly.close();
    assert.deepEqual([status, failures.length], [400, 1]);
  });

  it('has no other address than the one that was answered', async () => {
    const url = await begin();
    const guess = url.replace(/[0-9a-f]{16}$/, '0'.repeat(16));

    assert.equal(await part(guess, 0, BYTES.length), 404);
    assert.equal(await finish(guess), 404);
    assert.equal((await fetch(url, { method: 'POST' })).status, 404);
  });
});

/** Sends less than it announced, then hangs up. */
function breakOff(url: string, start: number, end: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const headers = { 'content-range': `${start}-${end - 1}`, 'content-length': end - start };
    const request = http.request(url, { method: 'PATCH', headers, agent: false });
    request.on('error', () => undefined).on('close', resolve);
    request.write(bytes, () => request.destroy());
  });
}
