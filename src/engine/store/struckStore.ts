import { LIAR_BAN_MS, MAX_STRUCK_KEYS } from '../limits';
import type { Database } from './sqlite';

/** Keys of peers that lied, over a restart. */
export class StruckStore {
  constructor(private readonly db: Database) {}

  /** Who is kept out still, for how long from now, the first one first. */
  list(): { readonly key: string; readonly forMs: number }[] {
    const now = Date.now();
    // Never longer than it was meant, so that a clock that was set back does not do it either.
    return this.db
      .all('SELECT key, until FROM struck ORDER BY struck_at, key')
      .map((row) => ({ key: String(row['key']), forMs: Math.min(LIAR_BAN_MS, Number(row['until']) - now) }))
      .filter(({ forMs }) => forMs > 0);
  }

  put(key: string, forMs: number): void {
    const now = Date.now();
    this.db.transaction(() => {
      this.db.run('INSERT OR REPLACE INTO struck (key, until, struck_at) VALUES (?, ?, ?)', key, now + forMs, now);
      this.db.run('DELETE FROM struck WHERE until <= ?', now);
      this.db.run(
        'DELETE FROM struck WHERE key IN (SELECT key FROM struck ORDER BY struck_at DESC, key LIMIT -1 OFFSET ?)',
        MAX_STRUCK_KEYS,
      );
    });
  }
}
