import type { AdapterProblem } from './adapterInfo';
import { countOf, flagOf, numberOf, objectOf, textOf } from './config';
import type { JsonObject } from './json';
import { mergeOnly, quoted, refusal } from './problems';

/** What MLX-LM's `adapter_config.json` says. */
export interface MlxConfig {
  readonly baseModel?: string;
  readonly rank?: number;
  /** Factor in front of B·A. MLX-LM uses this alone: an `alpha` beside it means nothing. */
  readonly scale?: number;
  readonly problems: readonly AdapterProblem[];
}

/** Whether a config is MLX-LM's rather than PEFT's: the two share a file name. */
export function isMlxConfig(config: JsonObject): boolean {
  return !config.has('peft_type') && (config.has('fine_tune_type') || config.has('lora_parameters'));
}

/** @throws {LoraSwarmError} `ADAPTER_CONFIG_INVALID` when a value has another type than MLX-LM writes. */
export function parseMlxConfig(config: JsonObject): MlxConfig {
  const baseModel = textOf(config, 'model');
  const parameters = objectOf(config, 'lora_parameters');
  const rank = parameters && countOf(parameters, 'rank');
  const scale = parameters && numberOf(parameters, 'scale');
  return {
    ...(baseModel === undefined ? {} : { baseModel }),
    ...(rank === undefined ? {} : { rank }),
    ...(scale === undefined ? {} : { scale }),
    problems: typeProblems(textOf(config, 'fine_tune_type') ?? (flagOf(config, 'use_dora') ? 'dora' : 'lora')),
  };
}

function typeProblems(type: string): readonly AdapterProblem[] {
  switch (type) {
    case 'lora':
      return [];
    case 'dora':
      return [mergeOnly('dora', 'It is a DoRA adapter: its magnitudes only work merged into the base.')];
    case 'full':
      return [refusal('full-fine-tune', 'It is a full fine-tune: it replaces weights of the base and is no adapter.')];
    default:
      return [refusal('not-lora', `This is a ${quoted(type)} fine-tune, not LoRA. Only LoRA adapters can be shared.`)];
  }
}
