// node logits.mjs < jobs.json: what a model says to prompts, with and without LoRA files. One line of JSON per job.
//
// jobs:    [{ id, model, loras?: [{ filePath, scale? }], prompts: [[ids] or text], generate?: count }]
// results: { id, logits: [base64 of float32 little-endian, over the vocabulary, after each prompt],
//            tokens?: [[ids]], text?: [text] }            with `generate`: what greedy decoding goes on with
//          { id, error }
//
// A process of its own, because several kinds of bad adapters abort llama.cpp, and whoever loaded it. The job that has no
// line is the one that did it.
import { text } from 'node:stream/consumers';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';

/** Everything as exact as llama.cpp can: on the CPU, keys and values as F32 (F16, the default, costs 1.7e-2). */
const EXACT = {
  contextSize: 256,
  batchSize: 256,
  sequences: 1,
  threads: 1,
  flashAttention: false,
  experimentalKvCacheKeyType: 'F32',
  experimentalKvCacheValueType: 'F32',
};

const jobs = JSON.parse(await text(process.stdin));
const llama = await getLlama({
  gpu: false,
  build: 'never',
  skipDownload: true,
  logLevel: LlamaLogLevel.error,
  logger: (_level, message) => process.stderr.write(`${message}\n`),
});

let loaded;
for (const job of jobs) {
  const result = await run(job).catch((error) => ({ error: String(error?.message ?? error) }));
  await new Promise((resolve) => process.stdout.write(`${JSON.stringify({ id: job.id, ...result })}\n`, resolve));
}
process.exit(0); // llama.cpp keeps threads that would hold the process.

async function run({ model: path, loras = [], prompts, generate = 0 }) {
  const model = await modelOf(path);
  const lora = { adapters: loras.map(({ filePath, scale = 1 }) => ({ filePath, scale })) };
  const context = await model.createContext({ ...EXACT, ...(loras.length > 0 ? { lora } : {}) });
  try {
    const sequence = context.getSequence();
    const logits = [];
    const tokens = [];
    for (const prompt of prompts) {
      await sequence.clearHistory();
      const ids = typeof prompt === 'string' ? model.tokenize(prompt) : prompt;
      let values = await evaluate(sequence, ids);
      logits.push(Buffer.from(values.buffer).toString('base64'));
      const next = [];
      while (next.length < generate) {
        next.push(largest(values));
        if (next.length < generate) values = await evaluate(sequence, next.slice(-1));
      }
      tokens.push(next);
    }
    return generate > 0 ? { logits, tokens, text: tokens.map((ids) => model.detokenize(ids)) } : { logits };
  } finally {
    await context.dispose();
  }
}

async function modelOf(path) {
  if (loaded?.path === path) return loaded.model;
  await loaded?.model.dispose();
  loaded = { path, model: await llama.loadModel({ modelPath: path, gpuLayers: 0, useMmap: false }) };
  return loaded.model;
}

/** Logits after the last of `ids`. With no temperature given, the sampler leaves them alone. */
async function evaluate(sequence, ids) {
  const input = ids.map((id, index) => (index === ids.length - 1 ? [id, { generateNext: { logits: true } }] : id));
  const outputs = await sequence.controlledEvaluate(input);
  const found = outputs[ids.length - 1].next.logits;
  const values = new Float32Array(found.size);
  for (const [token, logit] of found) values[token] = logit;
  return values;
}

function largest(values) {
  let best = 0;
  for (let index = 1; index < values.length; index++) if (values[index] > values[best]) best = index;
  return best;
}
