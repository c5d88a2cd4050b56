import type { RoomKind } from '../state';
import type { Database, SqlRow } from './sqlite';

/** A room as it is remembered. */
export interface RoomRecord {
  readonly id: string;
  readonly kind: RoomKind;
  readonly label: string;
  /** Left rooms are forgotten; this is false for a room that is known but off. */
  readonly isJoined: boolean;
  /** JSON of the room's own: secret, epoch, owner, members. Read with a parse function, like any file. */
  readonly data: unknown;
}

/** Rooms that this machine knows, in the order in which they came. */
export class RoomStore {
  constructor(private readonly db: Database) {}

  list(): RoomRecord[] {
    return this.db.all('SELECT * FROM rooms ORDER BY rowid').map(read);
  }

  get(id: string): RoomRecord | undefined {
    const row = this.db.get('SELECT * FROM rooms WHERE id = ?', id);
    return row && read(row);
  }

  put({ id, kind, label, isJoined, data }: RoomRecord): void {
    this.db.run(
      `INSERT INTO rooms (id, kind, label, is_joined, data) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET
         kind = excluded.kind, label = excluded.label, is_joined = excluded.is_joined, data = excluded.data`,
      id,
      kind,
      label,
      isJoined ? 1 : 0,
      JSON.stringify(data ?? null),
    );
  }

  remove(id: string): void {
    this.db.run('DELETE FROM rooms WHERE id = ?', id);
  }
}

function read(row: SqlRow): RoomRecord {
  return {
    id: String(row['id']),
    kind: row['kind'] as RoomKind,
    label: String(row['label']),
    isJoined: row['is_joined'] === 1,
    data: JSON.parse(String(row['data'])) as unknown,
  };
}
