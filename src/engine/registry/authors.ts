import { hasCode } from '../errors';
import { Emitter } from '../events';
import { AuthorBook, type AuthorFacts } from '../identity/authors';
import { openStatement, statementId, type Statement } from '../identity/statements';
import type { Logger } from '../log';
import type { SignedRelease } from '../release/release';
import type { StatementStore } from '../store/statementStore';

export interface AuthorsParts {
  readonly statements: StatementStore;
  readonly log: Logger;
}

/** Who signed what, by all that authors stated of their keys: here, and heard in rooms. */
export class Authors {
  readonly #changed = new Emitter<void>();
  readonly onDidChange = this.#changed.event;
  #book: AuthorBook;
  #revision = 0;

  constructor(private readonly parts: AuthorsParts) {
    this.#book = this.#read();
  }

  /** Grows with every change. */
  get revision(): number {
    return this.#revision;
  }

  /** @param key hex. */
  facts(key: string): AuthorFacts {
    return this.#book.facts(key);
  }

  /** The key that stands for the author of a release now. Hex. */
  authorOf({ authorKey, release }: SignedRelease): string {
    return this.keyOf(hex(authorKey), release.sequence);
  }

  /** The same of what was written down of a release. */
  keyOf(key: string, sequence?: number): string {
    return this.#book.authorOf(key, sequence);
  }

  /** The key that signed it counts no more: revoked, or given up before it signed this. */
  isRevoked({ authorKey, release }: SignedRelease): boolean {
    const key = hex(authorKey);
    return this.#book.isRevoked(key) || this.#book.isAfterMove(key, release.sequence ?? 0);
  }

  /** Takes a statement of the user's own, or one that the user brought in. It is told in every room. */
  add(statement: Statement): void {
    if (this.parts.statements.put(statement, { isMine: true })) this.#onNew();
  }

  /**
   * Checks and keeps what a peer passed on in a room. Damaged ones, and kinds of later versions, are passed over.
   *
   * @returns those that were not known, to be passed on there.
   */
  hear(room: string, list: readonly Uint8Array[]): Statement[] {
    const fresh: Statement[] = [];
    for (const bytes of list) {
      const known = this.parts.statements.get(statementId(bytes));
      const statement = known?.statement ?? this.#open(bytes);
      if (!statement || !this.parts.statements.put(statement, { room })) continue;
      fresh.push(statement);
    }
    if (fresh.length > 0) this.#onNew();
    return fresh;
  }

  /** What is told in a room: the user's own, and what was heard there. Nobody learns whom we know from elsewhere. */
  toldIn(room: string): Uint8Array[] {
    const told = this.parts.statements.list().filter(({ isMine, rooms }) => isMine || rooms.includes(room));
    // Newest first behind our own, as a peer is not told without end.
    return [...told.filter(({ isMine }) => isMine), ...told.filter(({ isMine }) => !isMine).reverse()].map(
      ({ statement }) => statement.bytes,
    );
  }

  /** All that was heard and stated, bytes that were checked. */
  all(): Uint8Array[] {
    return this.parts.statements.list().map(({ statement }) => statement.bytes);
  }

  dispose(): void {
    this.#changed.dispose();
  }

  #open(bytes: Uint8Array): Statement | undefined {
    try {
      return openStatement(bytes);
    } catch (error) {
      if (!hasCode(error, 'STATEMENT_INVALID')) throw error;
      this.parts.log.debug(error.message);
      return undefined;
    }
  }

  #onNew(): void {
    this.#book = this.#read(); // Anew, as an old one may have gone.
    this.#revision++;
    this.#changed.fire();
  }

  #read(): AuthorBook {
    return new AuthorBook(this.parts.statements.list().map(({ statement }) => statement));
  }
}

function hex(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}
