import type { RoomKind } from '../state';
import { readJson } from './rowJson';
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

/** Bytes per second that a room may take of the network; 0 is no limit. */
export interface RoomLimitValues {
  readonly download: number;
  readonly upload: number;
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

  /** Of a room that is not known: none. */
  limits(id: string): RoomLimitValues {
    const row = this.db.get('SELECT download_limit, upload_limit FROM rooms WHERE id = ?', id);
    return { download: Number(row?.['download_limit'] ?? 0), upload: Number(row?.['upload_limit'] ?? 0) };
  }

  /** They stay when the room is written anew, and go with it. */
  setLimits(id: string, { download, upload }: RoomLimitValues): void {
    this.db.run('UPDATE rooms SET download_limit = ?, upload_limit = ? WHERE id = ?', download, upload, id);
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
    data: readJson(row['data']),
  };
}
