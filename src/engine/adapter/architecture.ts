// Which llama.cpp architecture a base model is, from what its author calls it. Only names that leave no doubt.

/** Classes of transformers whose weights llama.cpp keeps under one architecture. */
const CLASSES: Readonly<Record<string, string>> = {
  LlamaForCausalLM: 'llama',
  MistralForCausalLM: 'llama',
  MixtralForCausalLM: 'llama',
  Qwen2ForCausalLM: 'qwen2',
  Qwen3ForCausalLM: 'qwen3',
  Gemma2ForCausalLM: 'gemma2',
  Gemma3ForCausalLM: 'gemma3',
  Gemma3ForConditionalGeneration: 'gemma3',
  Phi3ForCausalLM: 'phi3',
};

/** Whole model names of the families, sizes included, so that `Llama-4`, `-Vision`, `-VL` and `-A3B` are not among them. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^(meta-)?llama-(2|3|3\.1|3\.2|3\.3)-(1|3|7|8|13|70|405)b\b/, 'llama'],
  [/^(tinyllama-1\.1b|codellama-\d+b|smollm2?-(135m|360m|1\.7b))\b/, 'llama'],
  [/^mistral-(7b|nemo)\b/, 'llama'],
  [/^deepseek-r1-distill-llama-(8|70)b\b/, 'llama'],
  [/^deepseek-r1-distill-qwen-(1\.5|7|14|32)b\b/, 'qwen2'],
  [/^qwen(2|2\.5)-(coder-|math-)?(0\.5|1\.5|3|7|14|32|72)b\b/, 'qwen2'],
  [/^qwen3-(0\.6|1\.7|4|8|14|32)b\b/, 'qwen3'],
  [/^gemma-2-(2|9|27)b\b/, 'gemma2'],
  [/^gemma-3-(270m|1b|4b|12b|27b)\b/, 'gemma3'],
  [/^phi-3(\.5)?-mini\b/, 'phi3'],
  [/^phi-3-medium\b/, 'phi3'],
];
const OTHER_KINDS = /vision|-vl|audio|omni|moe|multimodal|embed|rerank/;

/** Architecture of a transformers class. */
export function architectureOfClass(name: string): string | undefined {
  return Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined;
}

/** Architecture of a model that a hub calls so: `meta-llama/Llama-3.2-3B-Instruct`. */
export function architectureOfName(name: string): string | undefined {
  const model = name.toLowerCase().split('/').at(-1) ?? '';
  if (OTHER_KINDS.test(model)) return undefined;
  return NAMES.find(([pattern]) => pattern.test(model))?.[1];
}
