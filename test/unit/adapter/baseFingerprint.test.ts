import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fingerprintOfGguf } from '../../../src/engine/adapter/baseFingerprint';
import { ggmlTypeId } from '../../../src/engine/adapter/ggmlTypes';
import { readGgufHeader, type GgufTensor } from '../../../src/engine/adapter/gguf';
import { inspectAdapter } from '../../../src/engine/adapter/inspect';
import { mergeIntoBase } from '../../../src/engine/adapter/merge/mergeIntoBase';
import { fixture } from '../../helpers/gold';
import { text } from '../../helpers/rawGguf';
import { rewriteGguf } from '../../helpers/rewriteGguf';

const BASE = fixture('llama/base.f32.gguf');

describe('fingerprintOfGguf', () => {
  let folder: string;
  let bytes: Buffer;
  let tensors: readonly GgufTensor[];
  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'fingerprint-'));
    bytes = fs.readFileSync(BASE);
    tensors = [...(await readGgufHeader(BASE)).tensors.values()];
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  it('is the same for a file with other metadata, another alignment and another order of tensors', async () => {
    const rewritten = path.join(folder, 'rewritten.gguf');
    await rewriteGguf(BASE, rewritten);

    const fingerprint = await fingerprintOfGguf(rewritten);

    assert.equal(fingerprint, await fingerprintOfGguf(BASE));
    assert.notEqual(fs.statSync(rewritten).size, bytes.length);
  });

  it('is what the specification says', async () => {
    const hash = createHash('sha256').update('lora-swarm/base-fingerprint/1\n');
    const number = (size: 4 | 8, of: number) => {
      const buffer = Buffer.alloc(size);
      buffer.writeUIntLE(of, 0, Math.min(size, 6));
      hash.update(buffer);
    };
    const counted = (of: string) => {
      number(4, Buffer.byteLength(of));
      hash.update(of);
    };

    counted('llama');
    for (const { name, type, dims, offset, byteLength } of tensors.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      counted(name);
      number(4, ggmlTypeId(type));
      number(4, dims.length);
      for (const size of dims) number(8, size);
      if (byteLength <= 4096) hash.update(bytes.subarray(offset, offset + byteLength));
      else
        for (const piece of [0, 1, 2, 3]) {
          const start = offset + Math.floor(((byteLength - 1024) * piece) / 3);
          hash.update(bytes.subarray(start, start + 1024));
        }
    }

    assert.equal(await fingerprintOfGguf(BASE), `sha256:${hash.digest('hex')}`);
  });

  it('is another one for another type, another architecture, and without a tensor', async () => {
    const others = [
      BASE,
      fixture('llama/base.f16.gguf'),
      ...['q4_0', 'q8_0', 'q4_k_m', 'q5_k_m'].map((type) => fixture(`llama-quant/base.${type}.gguf`)),
      fixture('mistral/base.f32.gguf'),
      path.join(folder, 'qwen2.gguf'),
      path.join(folder, 'less.gguf'),
    ];
    await rewriteGguf(BASE, others.at(-2)!, { values: [text('general.architecture', 'qwen2')] });
    await rewriteGguf(BASE, others.at(-1)!, { tensors: (list) => list.slice(1) });

    const fingerprints = [];
    for (const other of others) fingerprints.push(await fingerprintOfGguf(other));

    assert.equal(new Set(fingerprints).size, others.length);
  });

  for (const name of ['layer1-only', 'qv-r4', 'regex-target', 'embed-head', 'head-saved', 'dora'])
    it(`is another one after merging ${name}`, async () => {
      const merged = path.join(folder, `${name}.gguf`);

      const weight = ['dora', 'head-saved'].includes(name) ? 1 : 0.01; // These can't be merged in part.
      await mergeIntoBase([{ info: await inspectAdapter(fixture('llama/adapters', name)), weight }], BASE, merged);

      assert.notEqual(await fingerprintOfGguf(merged), await fingerprintOfGguf(BASE));
    });

  it('shows a small change of any one tensor', async () => {
    const own = await fingerprintOfGguf(BASE);
    const changed = path.join(folder, 'changed.gguf');

    for (const { name, offset, byteLength } of tensors) {
      const copy = Buffer.from(bytes);
      for (let at = offset; at < offset + byteLength; at += 4)
        copy.writeFloatLE(copy.readFloatLE(at) * 1.001 + 1e-5, at);
      fs.writeFileSync(changed, copy);

      assert.notEqual(await fingerprintOfGguf(changed), own, name);
    }
  });

  it('is of models only, and ends when it is no longer wanted', async () => {
    await assert.rejects(fingerprintOfGguf(fixture('bad/ok.gguf')), { code: 'BASE_UNKNOWN' });
    await assert.rejects(fingerprintOfGguf(path.join(folder, 'none.gguf')), { code: 'ADAPTER_NOT_FOUND' });
    await assert.rejects(fingerprintOfGguf(BASE, AbortSignal.abort()), { name: 'AbortError' });
  });
});
