// Which architecture a base model is, and what is known of it. Names only where they leave no doubt.

import type { Architecture } from './architectures/architecture';
import { gemma2 } from './architectures/gemma2';
import { gemma3 } from './architectures/gemma3';
import { llama } from './architectures/llama';
import { phi3 } from './architectures/phi3';
import { qwen2 } from './architectures/qwen2';
import { qwen3 } from './architectures/qwen3';

/** All that adapters can be converted for. */
export const ARCHITECTURES: readonly Architecture[] = [llama, qwen2, qwen3, gemma2, gemma3, phi3];

const byName = new Map(ARCHITECTURES.map((architecture) => [architecture.name, architecture]));
const OTHER_KINDS = /vision|-vl|audio|omni|moe|multimodal|embed|rerank/;

/** By the name that GGUF files give it. Undefined: nothing is known that would make a conversion exact. */
export function architectureNamed(name: string): Architecture | undefined {
  return byName.get(name);
}

/** Architecture of a transformers class. */
export function architectureOfClass(name: string): string | undefined {
  return ARCHITECTURES.find(({ classes }) => classes.includes(name))?.name;
}

/** Architecture of a model that a hub calls so: `meta-llama/Llama-3.2-3B-Instruct`. */
export function architectureOfName(name: string): string | undefined {
  const model = name.toLowerCase().split('/').at(-1) ?? '';
  if (OTHER_KINDS.test(model)) return undefined;
  return ARCHITECTURES.find(({ hubNames }) => hubNames.some((pattern) => pattern.test(model)))?.name;
}
