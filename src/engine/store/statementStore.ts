import { readKeptStatement, type Statement } from '../identity/statements';
import { readJson, readTexts } from './rowJson';
import type { Database } from './sqlite';

/** About 1 MB. Keys cost nothing, so anybody can make statements without end. */
const MAX_STATEMENTS = 2_048;
/** Two moves of one key are enough to know that neither counts. */
const MAX_MOVES = 2;
/** Rooms are remembered for so many; one more only means that it is not passed on there. */
const MAX_ROOMS = 64;

export interface StoredStatement {
  readonly statement: Statement;
  readonly isMine: boolean;
  /** Ids of the rooms in which it was heard. */
  readonly rooms: readonly string[];
}

/** What authors stated of their keys, over restarts. Kept in memory too, as every list of adapters asks for it. */
export class StatementStore {
  readonly #kept = new Map<string, StoredStatement>();

  constructor(
    private readonly db: Database,
    /** Keys, hex, of authors whose work is here. What is stated of them is kept longest. */
    private readonly keptAuthors: () => ReadonlySet<string>,
  ) {
    for (const row of db.all('SELECT bytes, is_mine, rooms FROM statements ORDER BY no')) {
      const statement = readKept(row['bytes'] as Uint8Array);
      if (!statement) continue;
      const rooms = readTexts(readJson(row['rooms']));
      this.#kept.set(statement.id, { statement, isMine: row['is_mine'] === 1, rooms });
    }
  }

  /** Oldest first. */
  list(): StoredStatement[] {
    return [...this.#kept.values()];
  }

  get(id: string): StoredStatement | undefined {
    return this.#kept.get(id);
  }

  /** @returns whether it was not known, and changes what is known of a key. */
  put(statement: Statement, from: { readonly isMine?: boolean; readonly room?: string }): boolean {
    const known = this.#kept.get(statement.id);
    const isMine = from.isMine === true || known?.isMine === true;
    const rooms = [...new Set([...(known?.rooms ?? []), ...(from.room === undefined ? [] : [from.room])])];
    if (known?.isMine === isMine && known.rooms.length === rooms.length) return false;
    const rivals = known ? [] : this.#rivalsOf(statement, isMine);
    if (!rivals) return false;
    const kept = { statement, isMine, rooms: rooms.slice(-MAX_ROOMS) };
    const gone = [...rivals, ...(known ? [] : this.#oldestOfTooMany())].map((each) => each.statement.id);
    this.db.transaction(() => {
      for (const id of gone) this.db.run('DELETE FROM statements WHERE id = ?', id);
      this.db.run(
        `INSERT INTO statements (id, bytes, is_mine, rooms) VALUES (?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET is_mine = excluded.is_mine, rooms = excluded.rooms`,
        statement.id,
        statement.bytes,
        isMine ? 1 : 0,
        JSON.stringify(kept.rooms),
      );
    });
    for (const id of gone) this.#kept.delete(id);
    this.#kept.set(statement.id, kept);
    return !known;
  }

  /** Statements of the same key that this one takes the place of; undefined when it says nothing new. */
  #rivalsOf(statement: Statement, isMine: boolean): readonly StoredStatement[] | undefined {
    if (statement.kind === 'revocation') return [];
    const moves = this.list().flatMap((kept) =>
      kept.statement.kind === 'rotation' && kept.statement.key === statement.key
        ? [{ kept, move: kept.statement }]
        : [],
    );
    const same = moves.filter(({ move }) => move.next === statement.next);
    // Of one move the lowest number counts.
    if (same.some(({ move }) => move.lastSequence <= statement.lastSequence)) return undefined;
    if (same.length === 0 && moves.length >= MAX_MOVES && !isMine) return undefined;
    return same.map(({ kept }) => kept);
  }

  #oldestOfTooMany(): StoredStatement[] {
    if (this.#kept.size < MAX_STATEMENTS) return [];
    const kept = this.#keysOf(this.keptAuthors());
    const others = this.list().filter(({ isMine }) => !isMine);
    const oldest = others.find(({ statement }) => !kept.has(statement.key)) ?? others[0];
    return oldest ? [oldest] : [];
  }

  /** The keys of these authors, and all that they lead on to. */
  #keysOf(authors: ReadonlySet<string>): Set<string> {
    const keys = new Set(authors);
    for (let size = -1; size !== keys.size;) {
      size = keys.size;
      for (const { statement } of this.#kept.values())
        if (statement.kind === 'rotation' && keys.has(statement.key)) keys.add(statement.next);
    }
    return keys;
  }
}

/** A damaged one is as good as none: peers tell it again. */
function readKept(bytes: Uint8Array): Statement | undefined {
  try {
    return readKeptStatement(bytes);
  } catch {
    return undefined;
  }
}
