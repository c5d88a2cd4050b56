import type { Statement } from './statements';

/** Nobody changes keys more often; whoever made a longer row means to keep us busy. */
const MAX_STEPS = 16;

/** What is known of one key. Keys are lower-case hex. */
export interface AuthorFacts {
  /** The key that stands for this author now: the same one, or the last of those it moved on to. */
  readonly key: string;
  readonly isRevoked: boolean;
  /** Several keys that claim to follow this one. Then none does. */
  readonly disputed: readonly string[];
}

/**
 * Who is who among keys, by what is stated. The order in which statements came does not matter, so all who have heard the same
 * agree.
 *
 * A key that two statements lead away from leads nowhere, and neither does a row that ends where it began. A revocation counts more
 * than a rotation: one from or to a revoked key is not followed, as a thief may have made it.
 */
export class AuthorBook {
  readonly #next = new Map<string, Map<string, number>>();
  readonly #revoked = new Set<string>();

  constructor(statements: Iterable<Statement> = []) {
    for (const statement of statements) this.add(statement);
  }

  add(statement: Statement): void {
    const { key } = statement;
    if (statement.kind === 'revocation') {
      this.#revoked.add(key);
      return;
    }
    const next = this.#next.get(key) ?? new Map<string, number>();
    // Two numbers for one step: the lower one, as a thief would name a higher.
    next.set(statement.next, Math.min(statement.lastSequence, next.get(statement.next) ?? Infinity));
    this.#next.set(key, next);
  }

  isRevoked(key: string): boolean {
    return this.#revoked.has(key);
  }

  facts(key: string): AuthorFacts {
    const claims = [...(this.#next.get(key)?.keys() ?? [])].sort();
    return { key: this.#follow(key), isRevoked: this.isRevoked(key), disputed: claims.length > 1 ? claims : [] };
  }

  /** The key that stands for the author of a release. @param sequence that of the release. */
  authorOf(key: string, sequence = 0): string {
    return this.isAfterMove(key, sequence) ? key : this.#follow(key);
  }

  /** Whether a release is signed by a key whose author had moved on before. Somebody found the old key. */
  isAfterMove(key: string, sequence: number): boolean {
    const step = this.#step(key);
    return step !== undefined && sequence > step.lastSequence;
  }

  #follow(key: string): string {
    const seen = new Set([key]);
    let at = key;
    for (let step = this.#step(at); step; step = this.#step(at)) {
      if (seen.has(step.next) || seen.size > MAX_STEPS) return key;
      at = step.next;
      seen.add(at);
    }
    return at;
  }

  #step(key: string): { readonly next: string; readonly lastSequence: number } | undefined {
    const claims = this.#next.get(key);
    if (claims?.size !== 1 || this.#revoked.has(key)) return undefined;
    const [[next, lastSequence]] = claims as unknown as [[string, number]];
    return this.#revoked.has(next) ? undefined : { next, lastSequence };
  }
}
