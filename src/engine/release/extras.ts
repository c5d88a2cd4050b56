import type { ModelfileExtras } from '../deployWishes';
import { LoraSwarmError, hasCode } from '../errors';
import { fail, invalid, optional, record } from './fields';

/** Of the system prompt and of the template, UTF-8: both have to fit into a release. */
export const MAX_EXTRA_BYTES = 2_048;
const MAX_PARAMETERS = 16;
const MAX_STOPS = 8;
const MAX_VALUE = 200;
const PARAMETER_NAME = /^[a-z_]{1,32}$/;
/** A prompt has lines; other control characters can only harm what shows it. */
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/**
 * What a Modelfile may set of how a model answers. What it may set of the machine (`num_gpu`, `num_thread`, …) is the
 * user's own business and is not taken from anybody.
 *
 * @see https://docs.ollama.com/modelfile#valid-parameters-and-values and `api/types.go`, also of older versions
 */
export const PARAMETER_KINDS = {
  temperature: 'number',
  top_k: 'number',
  top_p: 'number',
  min_p: 'number',
  typical_p: 'number',
  tfs_z: 'number',
  num_ctx: 'number',
  num_predict: 'number',
  num_keep: 'number',
  repeat_penalty: 'number',
  repeat_last_n: 'number',
  presence_penalty: 'number',
  frequency_penalty: 'number',
  penalize_newline: 'boolean',
  mirostat: 'number',
  mirostat_tau: 'number',
  mirostat_eta: 'number',
  seed: 'number',
  stop: 'texts',
} as const satisfies Record<string, 'number' | 'boolean' | 'texts'>;

type Parameter = NonNullable<ModelfileExtras['parameters']>[string];

/**
 * Reads proposals for the Modelfile of a stranger. Unknown fields, and parameters that are not on the list above, are
 * left out.
 *
 * @throws {LoraSwarmError} `RELEASE_INVALID`
 */
export function parseExtras(value: unknown): ModelfileExtras | undefined {
  if (value === undefined) return undefined;
  const from = record(value, 'extras');
  const extras = {
    ...optional('system', prose(from, 'system')),
    ...optional('template', prose(from, 'template')),
    ...optional('parameters', parseParameters(from['parameters'])),
  };
  return Object.keys(extras).length === 0 ? undefined : extras;
}

/** Checks what the author wants to propose, so that nothing of it is lost without a word. @throws {LoraSwarmError} `USAGE` */
export function requireExtras(extras: ModelfileExtras): ModelfileExtras | undefined {
  const unknown = Object.keys(extras.parameters ?? {}).find((name) => !Object.hasOwn(PARAMETER_KINDS, name));
  if (unknown !== undefined)
    throw new LoraSwarmError(
      'USAGE',
      `"${unknown.slice(0, 40)}" can't be proposed. These can: ${Object.keys(PARAMETER_KINDS).join(', ')}.`,
    );
  try {
    return parseExtras(extras);
  } catch (error) {
    if (!hasCode(error, 'RELEASE_INVALID')) throw error;
    throw new LoraSwarmError(
      'USAGE',
      `The proposals for the Modelfile are too long or no values that Ollama takes. System prompt and template may have ${MAX_EXTRA_BYTES} bytes each, a parameter ${MAX_VALUE} characters.`,
      undefined,
      { cause: error },
    );
  }
}

function prose(from: Record<string, unknown>, key: string): string | undefined {
  const value = from[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '' || CONTROL.test(value) || /\p{Surrogate}/u.test(value))
    throw invalid(key);
  return Buffer.byteLength(value) <= MAX_EXTRA_BYTES ? value : fail(key);
}

function parseParameters(value: unknown): Record<string, Parameter> | undefined {
  if (value === undefined) return undefined;
  const entries = Object.entries(record(value, 'parameters'));
  if (entries.length > MAX_PARAMETERS || entries.some(([name]) => !PARAMETER_NAME.test(name)))
    throw invalid('parameters');
  const known = entries.flatMap(([name, found]) =>
    Object.hasOwn(PARAMETER_KINDS, name)
      ? [[name, parameter(PARAMETER_KINDS[name as keyof typeof PARAMETER_KINDS], found)] as const]
      : [],
  );
  return known.length === 0 ? undefined : Object.fromEntries(known);
}

function parameter(kind: (typeof PARAMETER_KINDS)[keyof typeof PARAMETER_KINDS], value: unknown): Parameter {
  switch (kind) {
    case 'number':
      return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : fail('parameters');
    case 'boolean':
      return typeof value === 'boolean' ? value : fail('parameters');
    case 'texts': {
      if (!Array.isArray(value)) return isText(value) ? value : fail('parameters');
      return value.length <= MAX_STOPS && value.length > 0 && value.every(isText) ? value : fail('parameters');
    }
  }
}

function isText(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= MAX_VALUE &&
    !CONTROL.test(value) &&
    !/\p{Surrogate}/u.test(value)
  );
}
