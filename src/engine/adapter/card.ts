import { open } from 'node:fs/promises';
import { MAX_TAGS, MAX_TAG_LENGTH, MAX_TEXT_BYTES } from '../limits';
import { readExactly } from './fileBytes';

export interface CardFacts {
  readonly license?: string;
  readonly tags: readonly string[];
}

/** Licence and tags from the front matter of a README.md. A card that can't be read says nothing. */
export async function readCard(path: string): Promise<CardFacts> {
  const handle = await open(path, 'r').catch(() => undefined);
  if (!handle) return { tags: [] };
  try {
    const { size } = await handle.stat();
    return parseCard((await readExactly(handle, 0, Math.min(size, MAX_TEXT_BYTES))).toString('utf8'));
  } catch {
    return { tags: [] };
  } finally {
    await handle.close();
  }
}

/**
 * Reads the few lines of YAML that model cards use: `license: mit`, and tags as `[a, b]` or as lines of `- a`.
 * Anything richer is passed over.
 */
export function parseCard(text: string): CardFacts {
  const block = /^---\r?\n([^]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(text)?.[1];
  if (block === undefined) return { tags: [] };

  let license: string | undefined;
  const tags: string[] = [];
  let key = '';
  for (const line of block.split(/\r?\n/)) {
    const entry = /^([\w-]+):[ \t]*(.*)$/.exec(line);
    const item = /^[ \t]*-[ \t]+(.+)$/.exec(line);
    if (entry) {
      key = entry[1]!;
      const value = scalar(entry[2]!);
      if (key === 'license' && /^[\w.+-]{1,64}$/.test(value)) license ??= value;
      if (key === 'tags') tags.push(...inlineList(entry[2]!));
    } else if (item && key === 'tags') {
      tags.push(scalar(item[1]!));
    }
  }
  return { ...(license === undefined ? {} : { license }), tags: [...new Set(tags.filter(isTag))].slice(0, MAX_TAGS) };
}

function inlineList(text: string): readonly string[] {
  const inner = /^\[(.*)\]\s*$/.exec(text)?.[1];
  return inner === undefined ? [] : inner.split(',').map(scalar);
}

function scalar(text: string): string {
  const comment = text.search(/\s#/); // `\s+#` would look at each blank of a long run again and again.
  const plain = (comment < 0 ? text : text.slice(0, comment)).trim();
  return /^(["'])(.*)\1$/.exec(plain)?.[2] ?? plain;
}

/** Hubs put the base and the task among the tags with a prefix. These are not for people. */
function isTag(text: string): boolean {
  return text.length <= MAX_TAG_LENGTH && /^[\p{L}\p{N}][\p{L}\p{N} ._+/-]*$/u.test(text);
}
