import { readFile } from 'node:fs/promises';
import type { ModelfileExtra, ModelfileExtras } from '../engine/deployWishes';
import { storageError } from '../engine/errors';
import { PARAMETER_KINDS } from '../engine/release/extras';
import { usage, type OptionValues } from './args';
import type { VerbContext } from './verbContext';

const EXTRAS: readonly ModelfileExtra[] = ['system', 'template', 'parameters'];
type Parameters = NonNullable<ModelfileExtras['parameters']>;

/** Which proposals of a release the user wants: `--use system,parameters`. @throws {LoraSwarmError} `USAGE` */
export function usedExtras(value: string | undefined): readonly ModelfileExtra[] | undefined {
  return value?.split(',').map((word) => {
    const found = EXTRAS.find((extra) => extra === word.trim());
    if (!found) throw usage(`--use takes ${EXTRAS.join(', ')}, not "${word}".`);
    return found;
  });
}

/** What the author proposes for the Modelfile. @throws {LoraSwarmError} `USAGE`, `ADAPTER_NOT_FOUND` */
export async function proposedExtras(
  { system, template, param }: OptionValues,
  resolve: VerbContext['resolve'],
): Promise<ModelfileExtras | undefined> {
  if (system === undefined && template === undefined && param === undefined) return undefined;
  return {
    ...(system === undefined ? {} : { system: await textOf(system, resolve) }),
    ...(template === undefined ? {} : { template: await textOf(template, resolve) }),
    ...(param === undefined ? {} : { parameters: parametersOf(param) }),
  };
}

/** `@FILE` stands for what is in a file: templates have many lines. */
async function textOf(value: string, resolve: VerbContext['resolve']): Promise<string> {
  if (!value.startsWith('@')) return value;
  const path = resolve(value.slice(1));
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const known = storageError(error, path);
    throw known === error ? usage(`${path} cannot be read.`, error) : known;
  }
}

function parametersOf(words: readonly string[]): Parameters {
  const found: Record<string, Parameters[string]> = {};
  for (const word of words) {
    const [, key, value] = /^([a-z_]+)=([^]*)$/.exec(word) ?? [];
    if (key === undefined || value === undefined)
      throw usage(`--param takes NAME=VALUE, such as temperature=0.7, not "${word}".`);
    const before = found[key];
    if (before !== undefined && !Array.isArray(before)) throw usage(`--param ${key} stands there twice.`);
    found[key] = parameterOf(key, value, before);
  }
  return found;
}

/** What is not known here is refused by the engine, which says what is possible. */
function parameterOf(key: string, value: string, before: readonly string[] | undefined): Parameters[string] {
  const kind = Object.hasOwn(PARAMETER_KINDS, key) ? PARAMETER_KINDS[key as keyof typeof PARAMETER_KINDS] : undefined;
  if (kind === 'texts') return [...(before ?? []), value];
  if (kind === 'boolean' && /^(true|false)$/.test(value)) return value === 'true';
  if (kind === 'number' && value.trim() !== '' && Number.isFinite(Number(value))) return Number(value);
  if (kind !== undefined) throw usage(`--param ${key} takes a ${kind}, not "${value}".`);
  return value;
}
