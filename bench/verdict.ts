import fs from 'node:fs';
import path from 'node:path';
import { baseModelFromGguf } from '../src/engine/adapter/ggufBaseModel';
import { fingerprintOfGguf } from '../src/engine/adapter/baseFingerprint';
import { inspectAdapter } from '../src/engine/adapter/inspect';
import { adapterShape } from '../src/engine/adapter/shape';
import { judgeShape } from '../src/engine/adapter/verdict';
import { LocalOllama } from '../src/engine/flows/localOllama';
import { silentLog } from '../src/engine/log';
import { FakeOllama } from '../test/helpers/fakeOllama';
import { MemoryMadeModels } from '../test/helpers/memoryMadeModels';
import { rewriteGguf } from '../test/helpers/rewriteGguf';
import type { Ground } from './ground';
import type { BenchOptions } from './options';
import type { Section } from './section';
import { percentile } from './stats';

const MODELS = 200;
const SAMPLES = 9;
const FIXTURES = path.resolve(import.meta.dirname, '../test/fixtures/llama');

/** How long an adapter's verdict takes among many models, with the server's answers to be asked for, and known. */
export async function benchVerdict(ground: Ground, { say }: BenchOptions): Promise<Section> {
  say(`verdict: ${MODELS} models`);
  const base = path.join(FIXTURES, 'base.f16.gguf');
  const fake = await FakeOllama.start('0.34.2');
  try {
    const folder = ground.newFolder();
    for (let at = 0; at < MODELS; at++) {
      const file = path.join(folder, 'model.gguf');
      await rewriteGguf(base, file, { description: `model ${at}` });
      fake.addModel(`m${at}`, file);
      fs.rmSync(file);
    }
    const info = await inspectAdapter(path.join(FIXTURES, 'adapters', 'all-r8'));
    const named = { ...adapterShape(info), architecture: 'llama', baseModel: 'bench/unknown' };
    const shape = { ...named, baseFingerprint: await fingerprintOfGguf(path.join(FIXTURES, 'base.f32.gguf')) };

    const cold: number[] = [];
    const warm: number[] = [];
    const read: number[] = [];
    const known: number[] = [];
    for (let run = 0; run < SAMPLES; run++) {
      const ollama = new LocalOllama({
        url: () => fake.url,
        ollamaHost: undefined,
        made: new MemoryMadeModels(),
        log: silentLog,
      });
      cold.push(await timed(async () => judgeShape(named, await ollama.bases())));
      ollama.forgetBases();
      warm.push(await timed(async () => judgeShape(named, await ollama.bases())));
      read.push(await timed(async () => judgeShape(shape, await ollama.basesFor(shape))));
      known.push(await timed(async () => judgeShape(shape, await ollama.basesFor(shape))));
      await ollama.close();
    }
    const tensors = (await baseModelFromGguf(base)).tensors.size;
    return {
      name: 'verdict',
      title: `Verdict among ${MODELS} models, ${SAMPLES} times, with a server in the same process`,
      columns: [
        { key: 'medianMs', header: 'median ms', digits: 1 },
        { key: 'maxMs', header: 'max ms', digits: 1 },
      ],
      rows: [
        row('nothing known: each model is asked for', cold),
        row('models known: the list of them is asked for', warm),
        row('all fit: each is read for its fingerprint', read),
        row('fingerprints known', known),
      ],
      notes: [
        `Models of ${tensors} tensors with small vocabularies. The server stands for Ollama, whose own time comes on top.`,
      ],
    };
  } finally {
    await fake.close();
  }
}

async function timed(judge: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await judge();
  return performance.now() - started;
}

function row(name: string, samples: readonly number[]): Section['rows'][number] {
  return { name, values: { medianMs: percentile(samples, 0.5), maxMs: percentile(samples, 1) } };
}
