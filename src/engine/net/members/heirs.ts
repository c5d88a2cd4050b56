import type { Statement } from './statement';

/** A key that moved on more often than that in one room stands for nobody any more: whoever does so means to keep us busy. */
const MAX_STEPS = 64;

/**
 * Which key stands for which, by what authors stated of their keys, as far as the room was told.
 *
 * A key that moved on or was revoked never counts again, whatever comes later. Who follows it is clear only while there is one
 * claim and no revocation on the way, as a thief of a key can make any claim with it.
 */
export class Heirs {
  readonly #moves = new Map<string, Statement[]>();
  readonly #revocations = new Map<string, Statement[]>();

  constructor(statements: Iterable<Statement>) {
    for (const statement of statements) {
      if (statement.act.kind === 'move') append(this.#moves, statement.author, statement);
      if (statement.act.kind === 'revoke') append(this.#revocations, statement.author, statement);
    }
  }

  /** The key that stands for this one now; undefined when none does. */
  heirOf(key: string): string | undefined {
    const seen = new Set<string>();
    for (let at = key; seen.size <= MAX_STEPS;) {
      if (seen.has(at) || this.#revocations.has(at)) return undefined;
      seen.add(at);
      const next = this.#nextOf(at);
      if (next.length === 0) return at;
      if (next.length > 1) return undefined;
      at = next[0]!;
    }
    return undefined;
  }

  /** This key and all that it may have led to, disputed or not. */
  successors(key: string): ReadonlySet<string> {
    const found = new Set([key]);
    for (const each of found) for (const next of this.#nextOf(each)) if (found.size <= MAX_STEPS) found.add(next);
    return found;
  }

  /** What makes a key one of before. */
  movesOf(key: string): readonly Statement[] {
    return this.#moves.get(key) ?? [];
  }

  revocationsOf(key: string): readonly Statement[] {
    return this.#revocations.get(key) ?? [];
  }

  #nextOf(key: string): string[] {
    const next = new Set(this.movesOf(key).flatMap(({ act }) => (act.kind === 'move' ? [act.next] : [])));
    return [...next].sort();
  }
}

/**
 * Of statements of keys those that are worth keeping: about these keys and what they lead to, no more than show that a claim is
 * disputed. The same set gives the same choice.
 *
 * @param keys those that matter most first.
 */
export function worthKeeping(statements: readonly Statement[], keys: ReadonlySet<string>, limit: number): Set<string> {
  const about = new Map<string, Statement[]>();
  for (const statement of [...statements].sort(inOrder))
    if (isAboutKey(statement)) append(about, statement.author, statement);
  const kept = new Set<string>();
  const seen = new Set<string>();
  for (const root of keys) {
    const reached = new Set([root]);
    for (const key of reached) {
      if (seen.has(key)) continue;
      seen.add(key);
      const next = new Set<string>();
      for (const { act, hash } of about.get(key) ?? []) {
        if (kept.size >= limit) return kept;
        // One for each claim, and two claims are as good as more.
        if (act.kind === 'move' && (next.has(act.next) || next.size > 1)) continue;
        if (act.kind === 'move') next.add(act.next);
        kept.add(hash);
      }
      for (const each of next) if (reached.size <= MAX_STEPS) reached.add(each);
    }
  }
  return kept;
}

export function isAboutKey({ act }: Statement): boolean {
  return act.kind === 'move' || act.kind === 'revoke';
}

function inOrder(a: Statement, b: Statement): number {
  return a.hash < b.hash ? -1 : 1;
}

function append<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
