import fs from 'node:fs';
import path from 'node:path';
import { LoraSwarmError } from '../../engine/errors';

/** What the demo takes from the repository. An installed extension does not carry it. */
export interface DemoFixtures {
  /** A PEFT adapter that was trained for `base`: folder with weights and config. */
  readonly adapter: string;
  /** GGUF of a whole model, 2 layers, 0.5 MB. */
  readonly base: string;
  /** What PEFT computes with the two, for a few prompts. */
  readonly gold: string;
  /** Runs llama.cpp; has a `node_modules` of its own. */
  readonly inference: string;
}

export const GOLD_NAME = 'trained-r16';

/** @throws {LoraSwarmError} `ADAPTER_NOT_FOUND` where there is no repository around this program. */
export function findFixtures(from: string = __dirname): DemoFixtures {
  for (let folder: string = from; ; folder = path.dirname(folder)) {
    const llama = path.join(folder, 'test', 'fixtures', 'llama');
    const found = {
      adapter: path.join(llama, 'adapters', GOLD_NAME),
      base: path.join(llama, 'base.f32.gguf'),
      gold: path.join(llama, 'gold.json'),
      inference: path.join(folder, 'test', 'inference'),
    };
    if (Object.values(found).every((file) => fs.existsSync(file))) return found;
    if (folder === path.dirname(folder)) throw notHere();
  }
}

function notHere(): LoraSwarmError {
  return new LoraSwarmError(
    'ADAPTER_NOT_FOUND',
    'The demo needs the adapter and the tiny base model in test/fixtures of the repository, which an installed extension ' +
      'does not carry. Clone the repository, then run npm install and npm start there.',
  );
}
