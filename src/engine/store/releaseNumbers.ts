import { releaseId, type SignedRelease } from '../release/release';
import type { Database } from './sqlite';

/** About 3 MB. Who signs under a new key each time must not make it grow. */
const MAX_SEEN = 20_000;
/** Cleaned up so many at a time, as that reads all of it. */
const SPARE = 2_000;
const MINE = 'release';

export interface ReleaseNumbersParts {
  readonly db: Database;
  /** Keys, hex, of authors whose work is here. Their numbers are kept longest. */
  readonly keptAuthors: () => ReadonlySet<string>;
}

/**
 * Numbers of releases, over restarts: each author counts up, and what has a lower number than was seen already is old, whoever
 * brings it, in whichever room. Clocks do not matter.
 */
export class ReleaseNumbers {
  #count: number;
  #isTogether = false;

  constructor(private readonly parts: ReleaseNumbersParts) {
    this.#count = Number(parts.db.get('SELECT count(*) AS n FROM seen_releases')?.['n']);
  }

  /** Number of the last release that was made here, 0 for none. */
  get last(): number {
    return Number(this.parts.db.get('SELECT value FROM counters WHERE name = ?', MINE)?.['value'] ?? 0);
  }

  /**
   * The number of the next release of this machine's user. Not below the clock in milliseconds, so that whoever goes on from an
   * old backup does not count again what was used since.
   */
  next(now = Date.now()): number {
    const next = Math.max(this.last + 1, Math.floor(now));
    this.raise(next);
    return next;
  }

  /** No number up to this one is given again. */
  raise(to: number): void {
    this.parts.db.run(
      `INSERT INTO counters (name, value) VALUES (?, ?)
       ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`,
      MINE,
      to,
    );
  }

  /**
   * Takes note of a release. @returns false when it is old: a higher number was seen of this author for this content, or the
   * same one with other words. A release without a number is older than any with one.
   */
  admit(signed: SignedRelease): boolean {
    const { db } = this.parts;
    const { sequence = 0, contentId } = signed.release;
    const content = Buffer.from(contentId, 'hex');
    const known = db.get(
      'SELECT sequence, release_id FROM seen_releases WHERE author_key = ? AND content_id = ?',
      signed.authorKey,
      content,
    );
    const seen = Number(known?.['sequence'] ?? 0);
    if (sequence === 0) return !known;
    const id = Buffer.from(releaseId(signed), 'hex');
    if (known && sequence <= seen) return sequence === seen && id.equals(known['release_id'] as Uint8Array);
    this.together(() =>
      db.run(
        'INSERT OR REPLACE INTO seen_releases (author_key, content_id, sequence, release_id) VALUES (?, ?, ?, ?)',
        signed.authorKey,
        content,
        sequence,
        id,
      ),
    );
    if (!known && ++this.#count > MAX_SEEN) this.#cleanUp();
    return true;
  }

  /** What `work` admits is one entry in the file: a list of 500 costs a fraction of 500 of them. */
  together<T>(work: () => T): T {
    if (this.#isTogether) return work();
    const { db } = this.parts;
    this.#isTogether = true;
    try {
      // A power cut may take the last ones back; they are seen again with the next list.
      return db.unsynced(() => db.transaction(work));
    } finally {
      this.#isTogether = false;
    }
  }

  #cleanUp(): void {
    const { db, keptAuthors } = this.parts;
    const kept = keptAuthors();
    const rows = db.all('SELECT no, author_key FROM seen_releases ORDER BY no');
    const others = rows.filter((row) => !kept.has(Buffer.from(row['author_key'] as Uint8Array).toString('hex')));
    const tooMany = rows.length - MAX_SEEN + SPARE;
    // Somebody with 20,000 adapters of known authors: then the oldest of all go.
    const gone = (others.length >= tooMany ? others : rows).slice(0, tooMany);
    this.together(() => {
      for (const row of gone) db.run('DELETE FROM seen_releases WHERE no = ?', Number(row['no']));
    });
    this.#count = rows.length - gone.length;
  }
}
