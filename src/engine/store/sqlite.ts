import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { LoraSwarmError, storageError } from '../errors';

/** What SQLite takes and gives. */
export type SqlValue = SQLInputValue;
export type SqlRow = Readonly<Record<string, unknown>>;

/** One SQLite database: prepared statements are kept, failures become errors that say what to do. */
export class Database {
  readonly #statements = new Map<string, StatementSync>();
  readonly #db: DatabaseSync;

  /** @param path a file, or `:memory:` for one that ends with the process. */
  constructor(readonly path: string) {
    const { DatabaseSync } = loadSqlite();
    this.#db = this.#guard(() => new DatabaseSync(path));
  }

  exec(sql: string): void {
    this.#guard(() => this.#db.exec(sql));
  }

  run(sql: string, ...values: SqlValue[]): { readonly changes: number; readonly lastInsertRowid: number } {
    const { changes, lastInsertRowid } = this.#guard(() => this.#statement(sql).run(...values));
    return { changes: Number(changes), lastInsertRowid: Number(lastInsertRowid) };
  }

  get(sql: string, ...values: SqlValue[]): SqlRow | undefined {
    return this.#read(sql, (statement) => statement.get(...values) as SqlRow | undefined, wholeNumbers);
  }

  all(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.#read(
      sql,
      (statement) => statement.all(...values),
      (rows) => rows.map(wholeNumbers),
    );
  }

  /** All of `work` or nothing of it. `work` may not wait for anything. */
  transaction<T>(work: () => T): T {
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      // A full disk may have ended the transaction already.
      if (this.#db.isTransaction) this.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * For what is on disk in another form too: `work` survives a crash of the process at once, but a power cut may take it back.
   * That spares it the wait for the disk, which is most of what a small download costs.
   */
  unsynced<T>(work: () => T): T {
    this.exec('PRAGMA synchronous = NORMAL');
    try {
      return work();
    } finally {
      this.exec('PRAGMA synchronous = FULL');
    }
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  /** An integer over 2^53 is damage, and no reason not to read the other rows: it is read as the nearest number. */
  #read<T>(sql: string, work: (statement: StatementSync) => T, mend: (result: T) => T): T {
    const statement = this.#guard(() => this.#statement(sql));
    try {
      return this.#guard(() => work(statement));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    statement.setReadBigInts(true);
    try {
      return mend(this.#guard(() => work(statement)));
    } finally {
      statement.setReadBigInts(false);
    }
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, (statement = this.#db.prepare(sql)));
    return statement;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw databaseError(error, this.path);
    }
  }
}

function wholeNumbers<T extends SqlRow | undefined>(row: T): T {
  if (!row) return row;
  const entries = Object.entries(row).map(([key, value]) => [key, typeof value === 'bigint' ? Number(value) : value]);
  return Object.fromEntries(entries) as T;
}

/** Loads `node:sqlite` without the warning that it is experimental; every other warning passes. */
function loadSqlite(): typeof import('node:sqlite') {
  const own = Object.getOwnPropertyDescriptor(process, 'emitWarning')!;
  const pass = process.emitWarning.bind(process) as (...args: unknown[]) => void;
  process.emitWarning = (...args: unknown[]): void => {
    if (!String(args[0]).startsWith('SQLite is an experimental feature')) pass(...args);
  };
  try {
    // Not an `import`: that would load it, and warn, before this line runs. Old Node has neither.
    const sqlite = (process as Partial<typeof process>).getBuiltinModule?.('node:sqlite');
    if (sqlite) return sqlite;
  } finally {
    Object.defineProperty(process, 'emitWarning', own);
  }
  throw new LoraSwarmError(
    'NODE_TOO_OLD',
    `Node ${process.versions.node} has no SQLite. Use Node 22.13 or newer, or VS Code 1.105 or newer.`,
  );
}

/** SQLite's primary result codes that we can say something about. @see https://www.sqlite.org/rescode.html */
const ERRNO: Readonly<Record<number, string>> = {
  3: 'EACCES', // SQLITE_PERM
  5: 'EBUSY',
  6: 'EBUSY', // SQLITE_LOCKED
  8: 'EROFS', // SQLITE_READONLY
  10: 'EIO', // SQLITE_IOERR
  13: 'ENOSPC', // SQLITE_FULL
  14: 'EACCES', // SQLITE_CANTOPEN
};

function databaseError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return error;
  const primary = error.errcode & 0xff; // The upper bytes say more than we need.
  if (primary === 11 || primary === 26) return storeCorrupt(path, error);
  const code = ERRNO[primary];
  if (code === 'EBUSY')
    return new LoraSwarmError(
      'STORE_FAILED',
      `${path} is in use by another program. Close it, then try again.`,
      { kind: 'retry' },
      { cause: error },
    );
  return code === undefined ? error : storageError(Object.assign(error, { code }), path);
}

/** The database can't be read. It is never deleted or replaced by us. */
export function storeCorrupt(path: string, cause?: unknown): LoraSwarmError {
  return new LoraSwarmError(
    'STORE_CORRUPT',
    `${path} is damaged. Close every window that uses it, move it elsewhere together with the files ${path}-wal and ` +
      `${path}-shm, then start again. Downloaded adapters stay and are found again; rooms and shares are set up anew.`,
    undefined,
    { cause },
  );
}
