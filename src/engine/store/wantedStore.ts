import type { SignedRelease } from '../release/release';
import { decodeRelease, encodeRelease } from './packageFiles';
import { readJson } from './rowJson';
import type { Database } from './sqlite';

/** A download that somebody asked for and that is neither finished nor cancelled. */
export interface WantedRecord {
  readonly id: string;
  readonly release: SignedRelease | undefined;
  /** JSON of the download flow: paused or not, rate, rooms. */
  readonly data: unknown;
}

/**
 * Downloads in the order in which they go. What is there of one that was begun is in the journal, which knows nothing of
 * those that wait for their turn.
 */
export class WantedStore {
  constructor(private readonly db: Database) {}

  /** The first one goes first. */
  list(): WantedRecord[] {
    return this.db.all('SELECT * FROM wanted ORDER BY position, rowid').map((row) => {
      const id = String(row['id']);
      const release = row['release'] as Uint8Array | null;
      return {
        id,
        release: release ? decodeRelease(release, id) : undefined,
        data: readJson(row['data']),
      };
    });
  }

  /** Enters a download as the last one, also one that had another place. */
  putLast({ id, release, data }: WantedRecord): void {
    const enter = () =>
      this.db.run(
        `INSERT INTO wanted (id, release, data, position)
         VALUES (?, ?, ?, (SELECT coalesce(max(position), 0) + 1 FROM wanted))
       ON CONFLICT (id) DO UPDATE SET
         release = coalesce(excluded.release, release), data = excluded.data, position = excluded.position`,
        id,
        release ? encodeRelease(release) : null,
        JSON.stringify(data ?? null),
      );
    this.db.unsynced(enter);
  }

  setData(id: string, data: unknown): void {
    this.db.unsynced(() => this.db.run('UPDATE wanted SET data = ? WHERE id = ?', JSON.stringify(data ?? null), id));
  }

  /** @param ids in their new order. The places of others are not touched. */
  setOrder(ids: readonly string[]): void {
    this.db.transaction(() => {
      for (const [position, id] of ids.entries())
        this.db.run('UPDATE wanted SET position = ? WHERE id = ?', position + 1, id);
    });
  }

  remove(id: string): void {
    this.db.unsynced(() => this.db.run('DELETE FROM wanted WHERE id = ?', id));
  }
}
