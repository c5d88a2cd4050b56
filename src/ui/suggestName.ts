import { basename, dirname, extname } from 'node:path';

/** Files that every trainer calls the same, so their name says nothing. */
const GENERIC = /^(?:adapter[_-]?model|adapters?|ggml-adapter-model)$/i;

/**
 * A name for an adapter from where it lies: the run folder's, with the checkpoint when there is one.
 *
 * @param path A weights file, the folder with one, or `ollama:MODEL`.
 */
export function suggestName(path: string, author: string): string {
  const inOllama = /^ollama:(?:.*\/)?([^/]+?)(?::latest)?(?:#\d+)?$/.exec(path)?.[1];
  const extension = extname(path).toLowerCase();
  const isFile = extension === '.safetensors' || extension === '.gguf';
  const stem = isFile ? basename(path, extname(path)) : '';
  const own = inOllama ?? (isFile && !GENERIC.test(stem) ? stem : folderName(isFile ? dirname(path) : path));
  const name = namePart(own) || 'adapter';
  const prefix = namePart(author);
  return prefix ? `${prefix}/${name}` : name;
}

function folderName(folder: string): string {
  const name = basename(folder);
  return /^checkpoint-\d+$/.test(name) ? `${basename(dirname(folder))}-${name}` : name;
}

/** The closest text that may stand on one side of the slash. */
function namePart(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64)
    .replace(/[-.]+$/, '');
}
