import type { Event } from '../events';
import { DisposableStore } from '../lifecycle';
import type { SignedRelease } from '../release/release';
import type { Authors } from './authors';
import { fullName } from './summary';

/** Characters of a key that stand beside a name. More when that many are the same. */
const KEY_CHARS = 8;
/** `ana~1f3c09ab/sql`. No part of a name can hold the tilde. */
const MARKED = /^([^~/]+)~([0-9a-f]{4,64})\/(.+)$/;

interface Releases {
  list(): Iterable<{ readonly release: SignedRelease | undefined }>;
  readonly onDidChange: Event<unknown>;
}

export interface AuthorNamesParts {
  readonly authors: Pick<Authors, 'authorOf' | 'onDidChange'>;
  /** What is here: shared, and downloaded. */
  readonly here: readonly Releases[];
  /** What rooms offer under a name that looks like this one, a release for each key. */
  readonly offered: (look: string) => Iterable<SignedRelease>;
}

/**
 * Names of adapters as people see them. A name belongs to a key: where two keys go by names of authors that look the same, each is
 * shown with the start of its key, as none of them can be known to be the right one.
 */
export class AuthorNames {
  readonly #owned = new DisposableStore();
  /** Keys by look, of what is here. */
  #here: Map<string, Set<string>> | undefined;

  constructor(private readonly parts: AuthorNamesParts) {
    const forget = (): void => void (this.#here = undefined);
    for (const { onDidChange } of [parts.authors, ...parts.here]) this.#owned.add(onDidChange(forget));
  }

  /** `author/name`, or `author~key/name`. */
  nameOf(signed: SignedRelease): string {
    const { authors, offered } = this.parts;
    const look = lookOf(signed.release.author);
    const key = authors.authorOf(signed);
    const others = new Set(this.#keysHere().get(look));
    for (const each of offered(look)) others.add(authors.authorOf(each));
    others.delete(key);
    if (others.size === 0) return fullName(signed.release);
    let length = KEY_CHARS;
    while (length < key.length && [...others].some((other) => other.startsWith(key.slice(0, length)))) length++;
    return `${signed.release.author}~${key.slice(0, length)}/${signed.release.name}`;
  }

  dispose(): void {
    this.#owned.dispose();
  }

  #keysHere(): Map<string, Set<string>> {
    if (this.#here) return this.#here;
    this.#here = new Map();
    for (const releases of this.parts.here)
      for (const { release } of releases.list()) {
        if (!release) continue;
        const look = lookOf(release.release.author);
        const keys = this.#here.get(look) ?? new Set<string>();
        this.#here.set(look, keys.add(this.parts.authors.authorOf(release)));
      }
    return this.#here;
  }
}

/** The same for names that are easily taken for each other. Names are ASCII, so this is short. */
export function lookOf(author: string): string {
  return author
    .toLowerCase()
    .replace(/[._-]/g, '')
    .replaceAll('0', 'o')
    .replace(/[1i]/g, 'l')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w');
}

/** Splits a name that was copied from where it is shown with its key. */
export function splitMarked(name: string): { readonly name: string; readonly key?: string } {
  const [, author, key, rest] = MARKED.exec(name) ?? [];
  return author === undefined || key === undefined ? { name } : { name: `${author}/${rest}`, key };
}
