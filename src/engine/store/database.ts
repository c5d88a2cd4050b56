import { closeSync, constants, lstatSync, openSync } from 'node:fs';
import { LoraSwarmError, storageError } from '../errors';
import { Database, storeCorrupt } from './sqlite';

/** `LSWM`: tells our database from any other SQLite file. */
const APPLICATION_ID = 0x4c53574d;

/**
 * Each step leads from the version before it, counted from 0; a released step is never edited, a new one is added behind
 * it. `data` columns are JSON of the part that owns the row, so that it can grow without a step here.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

   CREATE TABLE rooms (
     id TEXT PRIMARY KEY,
     kind TEXT NOT NULL,
     label TEXT NOT NULL,
     is_joined INTEGER NOT NULL,
     data TEXT NOT NULL
   ) STRICT;

   -- Adapters whose weights stay where the user has them, or lie in our folder as a copy.
   CREATE TABLE shared (
     id TEXT PRIMARY KEY,
     release BLOB NOT NULL,
     rooms TEXT NOT NULL,
     weights_path TEXT NOT NULL,
     is_copy INTEGER NOT NULL,
     is_on INTEGER NOT NULL,
     -- Size and time that the weights had when they were last hashed, and what came out.
     seen_size INTEGER NOT NULL,
     seen_mtime_ms REAL NOT NULL,
     phase TEXT NOT NULL,
     added_at INTEGER NOT NULL
   ) STRICT;

   -- Verified downloads. The folder is the truth, this row says when it came and can be made again from it.
   CREATE TABLE library (id TEXT PRIMARY KEY, added_at INTEGER NOT NULL) STRICT;

   -- Downloads in progress. Written before the folder is made, deleted after it is gone or in the library.
   CREATE TABLE downloads (
     id TEXT PRIMARY KEY,
     manifest BLOB NOT NULL,
     release BLOB,
     held BLOB NOT NULL,
     held_check BLOB NOT NULL,
     is_discarded INTEGER NOT NULL,
     data TEXT NOT NULL,
     added_at INTEGER NOT NULL
   ) STRICT;

   CREATE TABLE made_models (
     model TEXT PRIMARY KEY,
     digest TEXT NOT NULL,
     adapter_id TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;`,

  `ALTER TABLE made_models ADD COLUMN data TEXT NOT NULL DEFAULT '{}';

   -- What installs are about to leave in Ollama. Written before they do, deleted when all of it is in order.
   CREATE TABLE install_works (id TEXT PRIMARY KEY, data TEXT NOT NULL) STRICT;`,

  `-- Downloads that were asked for, whether begun or not, in the order in which they go.
   CREATE TABLE wanted (
     id TEXT PRIMARY KEY,
     release BLOB,
     data TEXT NOT NULL,
     position INTEGER NOT NULL
   ) STRICT;

   INSERT INTO wanted (id, release, data, position)
     SELECT id, release, data, row_number() OVER (ORDER BY added_at, rowid) FROM downloads WHERE is_discarded = 0;

   -- Bytes per second, 0 is no limit.
   ALTER TABLE rooms ADD COLUMN download_limit INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE rooms ADD COLUMN upload_limit INTEGER NOT NULL DEFAULT 0;`,

  `-- Keys of peers that lied. Times of the wall clock, in milliseconds.
   CREATE TABLE struck (key TEXT PRIMARY KEY, until INTEGER NOT NULL, struck_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;`,

  `-- What authors stated of their keys. is_mine: made or brought in here, so it is told in every room and never forgotten.
   -- rooms: JSON, ids of the rooms in which it was heard.
   CREATE TABLE statements (
     no INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     bytes BLOB NOT NULL,
     is_mine INTEGER NOT NULL,
     rooms TEXT NOT NULL
   ) STRICT;

   -- The highest number that an author gave to what they say of a content, and which release has it.
   CREATE TABLE seen_releases (
     no INTEGER PRIMARY KEY AUTOINCREMENT,
     author_key BLOB NOT NULL,
     content_id BLOB NOT NULL,
     sequence INTEGER NOT NULL,
     release_id BLOB NOT NULL,
     UNIQUE (author_key, content_id)
   ) STRICT;

   CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;`,
];

/**
 * Opens the database of the engine, making it or bringing it to this version first.
 *
 * One process at a time holds it. Every commit is synced, so a row that was committed is there after a crash; but for what folders
 * say as well, see `Database.unsynced`.
 *
 * @throws {LoraSwarmError} `STORE_CORRUPT` when it is damaged or no database of ours (it is left alone), `STORE_VERSION`
 * when a newer version wrote it, `STORE_READ_ONLY`, `STORE_FULL`, `STORE_FAILED`.
 */
export function openDatabase(path: string): Database {
  makePrivateFile(path);
  const db = new Database(path);
  try {
    db.exec('PRAGMA busy_timeout = 5000');
    checkOurs(db);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    migrate(db);
    // What SQLite may not open for writing it opens for reading, and says so only when something is written.
    db.exec('DELETE FROM settings WHERE 0');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** SQLite would make it readable for everyone; its side files take the mode of this one. */
function makePrivateFile(path: string): void {
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink())
      throw new LoraSwarmError(
        'STORE_FAILED',
        `${path} is a link, which is not followed. Remove it, then start again.`,
      );
    closeSync(openSync(path, constants.O_CREAT | constants.O_RDWR, 0o600));
  } catch (error) {
    throw storageError(error, path);
  }
}

function checkOurs(db: Database): void {
  const id = db.get('PRAGMA application_id')?.['application_id'];
  const version = userVersion(db);
  if (version === 0 && id === 0 && db.get('SELECT 1 FROM sqlite_schema') === undefined) return; // New.
  if (id !== APPLICATION_ID) throw storeCorrupt(db.path);
  if (version > MIGRATIONS.length)
    throw new LoraSwarmError(
      'STORE_VERSION',
      `${db.path} was written by a newer version of LoRA Swarm. Update this one, or choose another storage folder.`,
      { kind: 'openSetting', key: 'storage.path' },
    );
  // The database is small, the catalog is not in it, so looking at every page takes a few milliseconds.
  if (db.get('PRAGMA quick_check(1)')?.['quick_check'] !== 'ok') throw storeCorrupt(db.path);
}

function migrate(db: Database): void {
  const version = userVersion(db);
  if (version === MIGRATIONS.length) return;
  db.transaction(() => {
    for (const step of MIGRATIONS.slice(version)) db.exec(step);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}`);
  });
}

function userVersion(db: Database): number {
  return Number(db.get('PRAGMA user_version')?.['user_version']);
}
