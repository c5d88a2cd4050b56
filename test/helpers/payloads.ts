import fs from 'node:fs';
import type { PayloadSources } from '../../src/engine/ollama/routes/survey';

/** A LoRA GGUF that is there already. Nothing is merged. */
export function loraFile(path: string): PayloadSources {
  const lora = { bytes: fs.statSync(path).size, make: () => Promise.resolve(path) };
  return { lora, merged: { problem: 'Nothing is merged here.' } };
}
