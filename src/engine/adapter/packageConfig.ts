import { parseConfig } from './config';
import type { JsonString } from './json';

export interface PackagedConfig {
  readonly bytes: Uint8Array;
  /** Where values were taken out: `model`, `lora_parameters.keys[2]`. */
  readonly removed: readonly string[];
}

/**
 * The config as it travels: byte for byte, but with every text that is a path of the author's machine replaced by `null`.
 *
 * The same bytes always give the same bytes, so two people who share one adapter share one package.
 *
 * @throws {LoraSwarmError} `ADAPTER_CONFIG_INVALID` when it can't be parsed: what can't be read can't be cleaned.
 */
export function packageConfig(bytes: Uint8Array): PackagedConfig {
  const found: JsonString[] = [];
  parseConfig(bytes, (string) => {
    if (isLocalPath(string)) found.push(string);
  });
  if (found.length === 0) return { bytes, removed: [] };

  const text = Buffer.from(bytes).toString('utf8');
  const pieces: string[] = [];
  let copied = 0;
  for (const { start, end } of found) {
    pieces.push(text.slice(copied, start), 'null');
    copied = end;
  }
  pieces.push(text.slice(copied));
  return { bytes: Buffer.from(pieces.join('')), removed: found.map(({ path }) => pathText(path)) };
}

/** Whether a base name is a place on some machine rather than the name of a model. */
export function isLocalName(name: string): boolean {
  return isMachinePath(name) || isRelativePath(name);
}

/** Keys under which `./runs/x` is a folder. Elsewhere it could be anything, and says nothing of the machine. */
const PATH_KEYS = new Set([
  'adapter_path',
  'base_model_name_or_path',
  'config',
  'data',
  'model',
  'parent_library',
  'resume_adapter_file',
  'tokenizer_name_or_path',
]);

function isLocalPath({ path, value }: JsonString): boolean {
  const key = path.findLast((part) => typeof part === 'string');
  return isMachinePath(value) || (key !== undefined && PATH_KEYS.has(key) && isRelativePath(value));
}

/** Absolute on Unix, on Windows or on a share; below a home or a variable; or with a home folder anywhere inside. */
export function isMachinePath(value: string): boolean {
  return (
    /^(\/|~(\w*[\\/]|$)|[A-Za-z]:[\\/]|\\\\[^\\]+\\|file:)/i.test(value) ||
    /^(\$\w+|\$\{\w+\}|%\w+%)[\\/]/.test(value) ||
    /(^|[^\w.])(\/(home|Users|root|mnt|workspace|content)\/|[A-Za-z]:[\\/](Users|Documents and Settings)[\\/])/i.test(
      value,
    )
  );
}

function isRelativePath(value: string): boolean {
  return /^\.{1,2}([\\/]|$)/.test(value) || /^\\\w/.test(value) || /^[^:]*\\/.test(value);
}

function pathText(path: readonly (string | number)[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .slice(1);
}
