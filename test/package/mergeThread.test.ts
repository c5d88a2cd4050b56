import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { ROOT } from '../run/machine';

describe('a merge in a bundle', function () {
  this.timeout(60_000);
  let folder: string;

  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-swarm-bundle-'));
  });

  after(() => fs.rmSync(folder, { recursive: true }));

  it('finds its threads beside the bundle, also from a thread of the engine', async () => {
    const sources = path.join(ROOT, 'src/engine/adapter/merge/writing');
    await build({
      entryPoints: ['writeMerged', 'mergeThread'].map((name) => path.join(sources, `${name}.ts`)),
      bundle: true,
      minify: true,
      platform: 'node',
      format: 'cjs',
      outdir: folder,
    });
    const base = path.join(ROOT, 'test/fixtures/llama/base.f32.gguf');
    const out = path.join(folder, 'merged.gguf');

    const engine = new Worker(ENGINE_THREAD, { eval: true, workerData: { folder, base, out }, execArgv: [] });
    const result = await new Promise((resolve, reject) => engine.once('message', resolve).once('error', reject));

    assert.deepEqual(result, { bytes: fs.statSync(base).size, changed: 1 });
    assert.ok(!fs.readFileSync(out).equals(fs.readFileSync(base)));
  });
});

const ENGINE_THREAD = `
  const { parentPort, workerData: { folder, base, out } } = require('node:worker_threads');
  const { writeMerged } = require(folder + '/writeMerged.js');
  const ones = async () => new Float32Array(64).fill(1);
  const change = { name: 'output_norm.weight', dims: [64], source: 'output_norm.weight', low: [], addend: ones };
  writeMerged(base, [change], out, { type: 'keep', threads: 2 }).then(
    ({ bytes, changed }) => parentPort.postMessage({ bytes, changed }));
`;
