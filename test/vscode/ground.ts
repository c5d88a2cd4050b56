import fs from 'node:fs';
import path from 'node:path';
import { importBase } from '../../src/engine/ollama/modelsFolder';
import { FakeOllama } from '../helpers/fakeOllama';
import { RealOllama } from '../helpers/realOllama';
import { localDht } from '../helpers/testRooms';
import { ROOT, findOllamas } from '../run/machine';

/** What windows of a test meet on: a DHT of their own and an Ollama with the base model, all on loopback. */
export interface Ground {
  /** Environment of a VS Code server, so that nothing in it looks further than this machine. */
  readonly env: Readonly<Record<string, string>>;
  readonly ollama: { readonly url: string; readonly outside: readonly string[] };
  /** Models in the Ollama, by name. */
  models(): Promise<string[]>;
  /** What Ollama tells of a model. */
  show(model: string): Promise<{ readonly system?: string }>;
  close(): Promise<void>;
}

const LLAMA = path.join(ROOT, 'test', 'fixtures', 'llama');

/** The base that the adapters below were trained on, as it is called in the Ollama of the test. */
export const BASE_MODEL = 'tiny-llama';

/** Opens the ground, with a real Ollama where there is one. */
export async function openGround(): Promise<Ground> {
  const [program] = findOllamas();
  const [dht, ollama] = await Promise.all([
    localDht(),
    program === undefined ? FakeOllama.start() : RealOllama.start(program),
  ]);
  await importBase(ollama.modelsFolder, {
    model: BASE_MODEL,
    gguf: path.join(LLAMA, 'base.f16.gguf'),
    family: 'llama',
  });
  return {
    env: {
      LORA_SWARM_HOST: '127.0.0.1',
      LORA_SWARM_BOOTSTRAP: dht.bootstrap.map(({ host, port }) => `${host}:${port}`).join(','),
      OLLAMA_HOST: ollama.url,
    },
    ollama,
    async models() {
      const answer = await fetch(`${ollama.url}/api/tags`);
      const { models } = (await answer.json()) as { models: { name: string }[] };
      return models.map(({ name }) => name).sort();
    },
    async show(model) {
      const answer = await fetch(`${ollama.url}/api/show`, { method: 'POST', body: JSON.stringify({ model }) });
      return (await answer.json()) as { system?: string };
    },
    async close() {
      await Promise.all([ollama.close(), dht.destroy()]);
    },
  };
}

/** A run folder as a trainer leaves it, from a real PEFT adapter: paths below `folder` to bytes. */
export function runFolder(folder: string, adapter = 'trained-r16'): Record<string, Buffer> {
  const source = path.join(LLAMA, 'adapters', adapter);
  const names = fs.readdirSync(source);
  return Object.fromEntries(names.map((name) => [`${folder}/${name}`, fs.readFileSync(path.join(source, name))]));
}
