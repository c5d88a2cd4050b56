import { readFile, stat } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import type { ModelfileExtras } from '../engine/deployWishes';
import { MAX_EXTRA_BYTES, PARAMETER_KINDS } from '../engine/release/extras';

type Parameters = NonNullable<ModelfileExtras['parameters']>;

/** Templates have a few kilobytes; what is far more is no Modelfile. */
const MAX_MODELFILE_BYTES = 65_536;

/** What the Modelfile beside these weights sets, when there is one. @param path A weights file, or the folder with one. */
export async function modelfileBeside(path: string): Promise<ModelfileExtras | undefined> {
  const folder = /^\.(?:safetensors|gguf)$/i.test(extname(path)) ? dirname(path) : path;
  const file = join(folder, 'Modelfile');
  try {
    const found = await stat(file);
    if (!found.isFile() || found.size > MAX_MODELFILE_BYTES) return undefined;
    return readModelfile(await readFile(file, 'utf8'));
  } catch {
    return undefined; // Nobody asked for it; without one there is nothing to propose.
  }
}

/**
 * Reads what a release may propose: system prompt, template and parameters of how a model answers. Everything else of a
 * Modelfile is the user's own business and stays out, as does what is too long to travel.
 *
 * @see https://docs.ollama.com/modelfile
 */
export function readModelfile(text: string): ModelfileExtras | undefined {
  const parameters: Record<string, Parameters[string]> = {};
  let extras: ModelfileExtras = {};
  for (const [, word = '', , long, quoted, plain] of text.matchAll(INSTRUCTION)) {
    const value = (long ?? quoted ?? plain ?? '').trim();
    const keyword = word.toLowerCase();
    if (keyword === 'parameter') addParameter(parameters, value);
    else if ((keyword === 'system' || keyword === 'template') && value !== '' && travels(value))
      extras = { ...extras, [keyword]: value };
  }
  if (Object.keys(parameters).length > 0) extras = { ...extras, parameters };
  return Object.keys(extras).length > 0 ? extras : undefined;
}

/** One instruction with its value: between three quotes over lines, between one, or up to the end of the line. */
const INSTRUCTION = /^[ \t]*([a-z]+)[ \t]+("""([^]*?)"""|"([^"\n]*)"[ \t]*$|([^\n]*)$)/gim;

const travels = (value: string): boolean => Buffer.byteLength(value) <= MAX_EXTRA_BYTES;

function addParameter(into: Record<string, Parameters[string]>, value: string): void {
  const [, name = '', rest = ''] = /^([a-z_]+)\s+([^]*)$/.exec(value) ?? [];
  if (!Object.hasOwn(PARAMETER_KINDS, name)) return;
  const kind = PARAMETER_KINDS[name as keyof typeof PARAMETER_KINDS];
  const plain = rest.replace(/^"([^]*)"$/, '$1');
  if (kind === 'texts') into[name] = [...((into[name] as readonly string[] | undefined) ?? []), plain];
  else if (kind === 'boolean' && /^(?:true|false)$/.test(plain)) into[name] = plain === 'true';
  else if (kind === 'number' && plain !== '' && Number.isFinite(Number(plain))) into[name] = Number(plain);
}
