import assert from 'node:assert/strict';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deltaNorms } from '../../../src/engine/adapter/deltaNorms';
import { inspectAdapter } from '../../../src/engine/adapter/inspect';
import { readSafetensorsHeader, readTensor } from '../../../src/engine/adapter/safetensors';
import { rawSafetensors } from '../../helpers/rawSafetensors';
import { writePeftAdapter } from '../../helpers/writeAdapter';

// What it says of real adapters stands in inspect.test.ts, against gold.
describe('deltaNorms', () => {
  let folder: string;
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'lora-swarm-norms-'))));
  after(() => rm(folder, { recursive: true }));

  it('adds up pairs that are read in several pieces', async () => {
    const options = { rank: 48, hidden: 2048, blocks: 1, targets: ['v_proj'], alpha: 12 } as const;
    const info = await inspectAdapter((await writePeftAdapter(join(folder, 'large'), options)).folder);

    const [found] = await deltaNorms(info);

    const expected = 0.25 * (await productNorm(info.weightsPath, 48));
    assert.ok(Math.abs(found!.norm - expected) < 1e-6 * expected, `${found!.norm}, not ${expected}`);
  });

  it('reads MLX pairs in pieces, too', async () => {
    const peft = await inspectAdapter(
      (await writePeftAdapter(join(folder, 'peft'), { rank: 8, hidden: 16_384, blocks: 1, targets: ['v_proj'] }))
        .folder,
    );
    const header = await readSafetensorsHeader(peft.weightsPath);
    await using handle = await open(peft.weightsPath, 'r');
    const turned = async (half: string) => {
      const { shape, ...entry } = header.tensors.get(
        `base_model.model.model.layers.0.self_attn.v_proj.lora_${half}.weight`,
      )!;
      const values = await readTensor(handle, { ...entry, shape });
      const [rows, columns] = shape as [number, number];
      const data = Float32Array.from(values, (_, at) => values[(at % rows) * columns + Math.floor(at / rows)]!);
      return { shape: [columns, rows], data: new Uint8Array(data.buffer) };
    };
    const path = join(folder, 'mlx');
    await mkdir(path);
    await writeFile(
      join(path, 'adapter_config.json'),
      JSON.stringify({ fine_tune_type: 'lora', lora_parameters: { rank: 8, scale: 2 } }),
    );
    const name = 'model.layers.0.self_attn.v_proj';
    const tensors = { [`${name}.lora_a`]: await turned('A'), [`${name}.lora_b`]: await turned('B') };
    await writeFile(join(path, 'adapters.safetensors'), rawSafetensors(tensors));

    const norms = await deltaNorms(await inspectAdapter(path));

    const [same] = await deltaNorms(peft);
    assert.ok(Math.abs(norms[0]!.norm - same!.norm) < 1e-6 * same!.norm);
  });

  it('leaves out a rank whose products would fill the memory', async () => {
    const path = join(folder, 'huge');
    await mkdir(path);
    const name = 'base_model.model.model.layers.0.self_attn.q_proj';
    const huge = { [`${name}.lora_A.weight`]: { shape: [2049, 2] }, [`${name}.lora_B.weight`]: { shape: [2, 2049] } };
    await writeFile(join(path, 'adapter_model.safetensors'), rawSafetensors(huge));
    await writeFile(join(path, 'adapter_config.json'), JSON.stringify({ peft_type: 'LORA', r: 2049, lora_alpha: 1 }));

    assert.deepEqual(await deltaNorms(await inspectAdapter(path)), []);
  });
});

/** ‖B·A‖ of the one pair of a file, by the product itself. */
async function productNorm(path: string, rank: number): Promise<number> {
  const [entryA, entryB] = [...(await readSafetensorsHeader(path)).tensors.values()];
  await using handle = await open(path, 'r');
  const a = await readTensor(handle, entryA!);
  const b = await readTensor(handle, entryB!);
  const inFeatures = a.length / rank;
  const row = new Float64Array(inFeatures);
  let squares = 0;
  for (let out = 0; out < b.length / rank; out++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = b[out * rank + r]!;
      for (let at = 0; at < inFeatures; at++) row[at] = row[at]! + factor * a[r * inFeatures + at]!;
    }
    for (const value of row) squares += value * value;
  }
  return Math.sqrt(squares);
}
