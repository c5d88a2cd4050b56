import type { AdapterProblem } from './adapterInfo';
import { configInvalid, countOf, flagOf, isSet, numberOf, objectOf, textOf, textsOf } from './config';
import type { JsonObject, JsonValue } from './json';
import { compilePattern } from './pattern';
import { readTargets, type IsTargeted } from './peftTargets';
import { installRefusal, mergeOnly, notLora, quoted, refusal, warning } from './problems';

/** What a PEFT `adapter_config.json` says. Nothing is filled in: `lora_alpha` that is not there is unknown, not 8. */
export interface PeftConfig {
  readonly baseModel?: string;
  /** Class of the base model, when PEFT had to write it down. */
  readonly baseClass?: string;
  readonly bias: string;
  readonly modulesToSave: readonly string[];
  /** Rows of embeddings that were trained whole (`trainable_token_indices`), in the order of the stored rows. */
  readonly tokenRows: readonly TokenRows[];
  /** Rank that the config promises for a module. */
  readonly rankOf: (module: string) => number | undefined;
  readonly alphaOf: (module: string) => number | undefined;
  /** `alpha / rank`, or `alpha / √rank` with rsLoRA. */
  readonly scaleOf: (alpha: number, rank: number) => number;
  readonly isTargeted: IsTargeted;
  readonly problems: readonly AdapterProblem[];
}

export interface TokenRows {
  /** End of the module's path: `embed_tokens`. Absent: the embedding of the input, whatever it is called. */
  readonly module?: string;
  readonly indices: readonly number[];
}

/** Ways to draw A and B that leave the base as it is. All others shift the base weights by `-B·A` at the start. */
const HARMLESS_INITS: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal', 'mica'];

/** Switches of LoRA variants with another formula than `scale · B · A`. */
const VARIANTS = ['use_qalora', 'use_bdlora', 'arrow_config', 'kasa_config', 'monteclora_config', 'velora_config'];
/** Of the same form, but known to change nothing in how A and B are used, or looked at elsewhere. */
const NO_VARIANTS = [
  'use_rslora',
  'use_dora',
  'megatron_config',
  'eva_config',
  'corda_config',
  'lora_ga_config',
  'loftq_config',
];

/** @throws {LoraSwarmError} `ADAPTER_CONFIG_INVALID` when a value has another type than PEFT writes. */
export function parsePeftConfig(config: JsonObject): PeftConfig {
  const problems: AdapterProblem[] = [];
  const rank = countOf(config, 'r');
  const alpha = numberOf(config, 'lora_alpha');
  const isRankStabilised = flagOf(config, 'use_rslora');
  const baseModel = textOf(config, 'base_model_name_or_path');
  const mapping = objectOf(config, 'auto_mapping');
  const baseClass = mapping && textOf(mapping, 'base_model_class');
  const bias = textOf(config, 'bias') ?? 'none';
  const modulesToSave = textsOf(config, 'modules_to_save');
  const tokenRows = readTokenRows(config);
  const rankPattern = readPattern(config, 'rank_pattern', problems);
  const alphaPattern = readPattern(config, 'alpha_pattern', problems);

  problems.push(...typeProblems(config), ...variantProblems(config));
  if (modulesToSave.length > 0) {
    const names = quoted(modulesToSave.join(', '));
    problems.push(
      mergeOnly('modules-to-save', `It replaces whole modules (${names}). Only a merged model can do that.`),
    );
  }
  if (alpha === 0) problems.push(warning('alpha-zero', 'lora_alpha is 0: the adapter has no effect.'));

  return {
    ...(baseModel === undefined ? {} : { baseModel }),
    ...(baseClass === undefined ? {} : { baseClass }),
    bias,
    modulesToSave,
    tokenRows,
    rankOf: (module) => firstMatch(rankPattern, module) ?? rank,
    alphaOf: (module) => firstMatch(alphaPattern, module) ?? alpha,
    isTargeted: readTargets(config),
    scaleOf: (moduleAlpha, moduleRank) => moduleAlpha / (isRankStabilised ? Math.sqrt(moduleRank) : moduleRank),
    problems,
  };
}

function typeProblems(config: JsonObject): readonly AdapterProblem[] {
  const type = textOf(config, 'peft_type');
  if (type === undefined) {
    return [warning('peft-type-missing', 'The config does not say its peft_type. It is read as LORA.')];
  }
  if (type === 'LORA') return [];
  return [notLora(type)];
}

function variantProblems(config: JsonObject): readonly AdapterProblem[] {
  const problems: AdapterProblem[] = [];
  const block = (code: string, message: string): void => void problems.push(installRefusal(code, message));
  const merge = (code: string, message: string): void => void problems.push(mergeOnly(code, message));
  if (flagOf(config, 'use_dora')) merge('dora', 'It is a DoRA adapter: its magnitudes only work merged into the base.');
  if (flagOf(config, 'lora_bias'))
    merge('lora-bias', 'It trained a bias beside B (lora_bias). Only a merged model can hold that.');
  if (flagOf(config, 'fan_in_fan_out')) {
    block('fan-in-fan-out', 'Its base keeps weights transposed (fan_in_fan_out), which is not converted.');
  }
  if (isSet(config, 'alora_invocation_tokens')) {
    block(
      'alora',
      'It is an activated LoRA: it works only after its invocation tokens, which Ollama does not watch for.',
    );
  }
  if (readTokenRows(config).length > 0) {
    merge(
      'trainable-tokens',
      'It replaces rows of the embedding (trainable_token_indices). Only a merged model can hold that.',
    );
  }
  if (isSet(config, 'layer_replication'))
    block('layer-replication', 'It repeats layers of its base (layer_replication).');

  const init = config.get('init_lora_weights');
  if (init === 'loftq' || isSet(config, 'loftq_config')) {
    block(
      'loftq',
      'Its A and B started as what a quantized base lacks (LoftQ): only that very base with them is what was trained.',
    );
  } else if (!HARMLESS_INITS.includes(init)) {
    const how = typeof init === 'string' ? quoted(init) : 'an unknown way';
    block(
      'init-changes-base',
      `Its A and B started from ${how}, which changes the base. Save it with PEFT's path_initial_model_for_weight_conversion.`,
    );
  }
  for (const key of config.keys()) {
    const looksLikeVariant = key.startsWith('use_') || key.endsWith('_config');
    const isVariant = VARIANTS.includes(key) || (looksLikeVariant && !NO_VARIANTS.includes(key));
    if (isVariant && isSet(config, key))
      block('variant', `It uses ${quoted(key)}, a variant of LoRA that is not understood.`);
  }
  return problems;
}

/** A list of tokens for the input's embedding, or a list for each module by the end of its name. */
function readTokenRows(config: JsonObject): readonly TokenRows[] {
  const value = config.get('trainable_token_indices') ?? null;
  if (value === null) return [];
  const lists: readonly (readonly [string | undefined, JsonValue])[] =
    value instanceof Map ? [...value] : [[undefined, value]];
  return lists
    .map(([module, indices]) => {
      if (!isTokens(indices)) throw configInvalid('trainable_token_indices holds something other than tokens');
      return { ...(module === undefined ? {} : { module }), indices };
    })
    .filter(({ indices }) => indices.length > 0);
}

function isTokens(value: JsonValue): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}

/** One line of `rank_pattern` or `alpha_pattern`. */
interface PatternRule {
  readonly matches: (module: string) => boolean;
  readonly value: number;
}

/** The first rule in file order wins. */
function firstMatch(rules: readonly PatternRule[], module: string): number | undefined {
  return rules.find(({ matches }) => matches(module))?.value;
}

/** PEFT takes a key for a regular expression that must match the module name from its start or from behind a dot. */
function readPattern(config: JsonObject, key: string, problems: AdapterProblem[]): readonly PatternRule[] {
  const rules: PatternRule[] = [];
  for (const [pattern, value] of objectOf(config, key) ?? []) {
    if (typeof value !== 'number') throw configInvalid(`${key} holds something other than numbers`);
    const matches = compilePattern(`(.*\\.)?(${pattern})`);
    if (matches) rules.push({ matches, value });
    else
      problems.push(refusal('pattern-unsupported', `${key} has a pattern that is not understood: ${quoted(pattern)}`));
  }
  return rules;
}
