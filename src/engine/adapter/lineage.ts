// Whether two names mean the same weights. A wrong yes puts an adapter on a base it was not trained for, so every doubt
// is a no.

/** A model name in parts, for comparing. */
interface ModelName {
  readonly owner?: string;
  readonly model: string;
}

/** They publish other people's models in other formats, under the same names. */
const REPACKERS = new Set(['unsloth', 'mlx-community', 'lmstudio-community', 'bartowski', 'ggml-org', 'thebloke']);

/**
 * The names under which a GGUF's own metadata knows it, for `BaseModel.lineage`.
 *
 * `general.base_model…` names what a model was made from. For a repack that is the model itself, for a fine-tune it is
 * not: so it only counts when it agrees with the model's own name.
 */
export function lineageOf(read: (key: string) => unknown): readonly string[] {
  const text = (key: string): string | undefined => {
    const value = read(`general.${key}`);
    return typeof value === 'string' && value.length > 0 && value.length <= 200 ? value : undefined;
  };
  const parts = [text('basename'), text('size_label'), text('finetune')];
  const own = [text('name'), parts[0] && parts[1] ? parts.filter(Boolean).join('-') : undefined];
  const names = [...own, text('source.huggingface.repository'), text('source.repo_url')].filter(isText);
  for (let index = 0; index < 4; index++) {
    const ancestors = [text(`base_model.${index}.repo_url`), text(`base_model.${index}.name`)].filter(isText);
    const isItself = ancestors.some((ancestor) => own.filter(isText).some((name) => hasSameModelPart(ancestor, name)));
    if (isItself) names.push(...ancestors);
  }
  return [...new Set(names)];
}

/** Whether a base model knows itself by the name that an adapter gives for its base. */
export function isOfLineage(baseModel: string, lineage: readonly string[]): boolean {
  const wanted = parseName(baseModel);
  return lineage.some((name) => isSameModel(wanted, parseName(name)));
}

/** What to pull in Ollama to get this base, for names of well-known families. Never a stranger's text. */
export function suggestPull(baseModel: string): string | undefined {
  const { model } = parseName(baseModel);
  for (const [pattern, name] of LIBRARY) {
    const found = pattern.exec(model);
    if (found) return name.replace('$1', found[1] ?? '').replace('$2', found[2] ?? '');
  }
  return undefined;
}

/** Ollama's library by the hub names that its models come from. Its plain tags are the instruct versions. */
const LIBRARY: readonly (readonly [RegExp, string])[] = [
  [/^llama-3\.([123])-(1|3|8|70|405)b-instruct$/, 'llama3.$1:$2b'],
  [/^llama-3\.3-70b-instruct$/, 'llama3.3:70b'],
  [/^llama-3-(8|70)b-instruct$/, 'llama3:$1b'],
  [/^qwen2\.5-(0\.5|1\.5|3|7|14|32|72)b-instruct$/, 'qwen2.5:$1b'],
  [/^qwen2\.5-coder-(0\.5|1\.5|3|7|14|32)b-instruct$/, 'qwen2.5-coder:$1b'],
  [/^qwen3-(0\.6|1\.7|4|8|14|32)b$/, 'qwen3:$1b'],
  [/^gemma-2-(2|9|27)b-it$/, 'gemma2:$1b'],
  [/^gemma-3-(270m|1b|4b|12b|27b)-it$/, 'gemma3:$1'],
  [/^phi-3-mini-4k-instruct$/, 'phi3:3.8b'],
  [/^mistral-7b-instruct-v0\.3$/, 'mistral:7b'],
];

function isSameModel(wanted: ModelName, known: ModelName): boolean {
  // `fx/tiny-llama` and a model that calls itself `fx-tiny-llama`: every part is there.
  if (wanted.owner && !known.owner && `${wanted.owner}-${wanted.model}` === known.model) return true;
  if (wanted.model !== known.model) return false;
  if (wanted.owner && known.owner) return wanted.owner === known.owner;
  // Without owners only names that say family and size are one model's own: `Llama-3.2-3B-Instruct`, not `merged`.
  return /[a-z]{2}/.test(wanted.model) && /(^|-)\d+(\.\d+)?[bm](-|$)/.test(wanted.model);
}

function hasSameModelPart(one: string, other: string): boolean {
  return parseName(one).model === parseName(other).model;
}

function parseName(name: string): ModelName {
  const path = name.toLowerCase().replace(/^https?:\/\/(www\.)?(huggingface\.co|hf\.co|modelscope\.cn\/models)\//, '');
  const parts = path
    .split('/')
    .filter(Boolean)
    .map((part) => part.trim().replace(/[\s_-]+/g, '-'));
  const model = (parts.at(-1) ?? '')
    .replace(/-(unsloth-)?bnb-[48]bit$|-([34568]bit|bf16|fp16|f16|gguf)$/, '') // The same weights in another width.
    .replace(/^meta-(?=llama-)/, ''); // Meta renamed its repositories.
  const owner = parts.length === 2 ? parts[0] : undefined;
  return owner === undefined || REPACKERS.has(owner) ? { model } : { owner, model };
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}
