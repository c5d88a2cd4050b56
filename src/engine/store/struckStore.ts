import type { Database } from './sqlite';

/** Who lies under a new key each time must not make it grow. */
const MAX_KEPT = 4_096;
/** Nobody is kept out for longer, so that a clock that was set back does not do it either. */
const MAX_MS = 24 * 60 * 60 * 1_000;

/** Keys of peers that lied, over a restart. */
export class StruckStore {
  constructor(private readonly db: Database) {}

  /** Who is kept out still, for how long from now, the first one first. */
  list(): { readonly key: string; readonly forMs: number }[] {
    const now = Date.now();
    return this.db
      .all('SELECT key, until FROM struck ORDER BY struck_at, key')
      .map((row) => ({ key: String(row['key']), forMs: Math.min(MAX_MS, Number(row['until']) - now) }))
      .filter(({ forMs }) => forMs > 0);
  }

  put(key: string, forMs: number): void {
    const now = Date.now();
    this.db.transaction(() => {
      this.db.run('INSERT OR REPLACE INTO struck (key, until, struck_at) VALUES (?, ?, ?)', key, now + forMs, now);
      this.db.run('DELETE FROM struck WHERE until <= ?', now);
      this.db.run(
        'DELETE FROM struck WHERE key IN (SELECT key FROM struck ORDER BY struck_at DESC, key LIMIT -1 OFFSET ?)',
        MAX_KEPT,
      );
    });
  }
}
