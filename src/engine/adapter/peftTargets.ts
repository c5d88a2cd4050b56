import type { JsonObject, JsonValue } from './json';
import { compilePattern } from './pattern';

/**
 * Whether PEFT puts an adapter on a module, by `target_modules`, `target_parameters`, `exclude_modules` and
 * `layers_to_transform`: it passes over the weights of all others without a word. Undefined where that can't be told.
 */
export type IsTargeted = (module: string) => boolean | undefined;

export function readTargets(config: JsonObject): IsTargeted {
  const isModule = namesIn(config.get('target_modules'));
  const isExcluded = namesIn(config.get('exclude_modules'));
  const isParameter = parametersIn(config.get('target_parameters'));
  const isLayer = Array.isArray(config.get('target_modules')) ? layersIn(config) : undefined;
  const isTying = config.get('ensure_weight_tying') === true;
  if (!isModule && !isParameter) return () => undefined;
  return (path) => {
    const module = path.replace(/(\.base_layer)+$/, ''); // Several parameters of one module wrap each other.
    if (isParameter?.(module)) return true;
    if (isTying && /(^|\.)(embed_tokens|lm_head)$/.test(module)) return undefined; // Named for one end, put on both.
    const answers = [
      isModule ? isModule(module) : false,
      isLayer ? isLayer(module) : true,
      isExcluded ? not(isExcluded(module)) : true,
    ];
    if (answers.includes(false)) return false;
    return answers.includes(undefined) ? undefined : true;
  };
}

type Maybe = boolean | undefined;

const UNKNOWN = (): undefined => undefined;

function not(answer: Maybe): Maybe {
  return answer === undefined ? undefined : !answer;
}

/** A list of module names or ends of them, or one regular expression for whole names. Undefined when nothing is said. */
function namesIn(value: JsonValue | undefined): ((module: string) => Maybe) | undefined {
  if (typeof value === 'string') return value === 'all-linear' ? UNKNOWN : (compilePattern(value) ?? UNKNOWN);
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const names = value.filter((item) => typeof item === 'string');
  return (module) => names.some((name) => module === name || module.endsWith(`.${name}`));
}

/** Names of parameters or ends of them: `q_proj.weight`. */
function parametersIn(value: JsonValue | undefined): ((module: string) => boolean) | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const modules = value.filter((item) => typeof item === 'string').map((name) => name.replace(/\.?[^.]*$/, ''));
  return (module) => modules.some((name) => module === name || module.endsWith(`.${name}`));
}

function layersIn(config: JsonObject): ((module: string) => Maybe) | undefined {
  const wanted = config.get('layers_to_transform') ?? null;
  const layers: readonly JsonValue[] = Array.isArray(wanted) ? wanted : [wanted];
  if (wanted === null || layers.length === 0) return undefined;
  const pattern = config.get('layers_pattern') ?? [];
  const lists: readonly JsonValue[] = Array.isArray(pattern) ? pattern : [pattern];
  const names = lists.filter((item) => typeof item === 'string' && item !== '');
  // PEFT takes them for regular expressions; nobody writes more than a name.
  if (names.some((name) => !/^\w+$/.test(name as string))) return UNKNOWN;
  return (module) => {
    const parts = module.split('.');
    const at = parts.findIndex((part, index) => {
      const isNamed = names.length === 0 ? index >= 2 : names.includes(parts[index - 1]!);
      return /^\d+$/.test(part) && isNamed && index < parts.length - 1;
    });
    return at >= 0 && layers.includes(Number(parts[at]));
  };
}
