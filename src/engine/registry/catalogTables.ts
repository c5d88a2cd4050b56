import { Database } from '../store/sqlite';

/**
 * The catalog is what peers say now, so it lives in memory and ends with the process: nothing old is ever shown, a room
 * full of changes costs no disk write, and a search runs over an index all the same.
 *
 * `contents` one row for each adapter, with the text that is searched; `owner` is the peer that counts for it.
 * `releases` what each author's key says of it; the signed bytes are kept beside the database.
 * `offers` which peer offers it in which room, and with whose words.
 */
export function openCatalogTables(): Database {
  const db = new Database(':memory:');
  db.exec(`
    CREATE TABLE contents (
      no INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      owner TEXT NOT NULL,
      shown INTEGER,
      name TEXT NOT NULL DEFAULT '',
      sort TEXT NOT NULL DEFAULT '',
      text TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE INDEX contents_owner ON contents (owner, no);
    CREATE INDEX contents_sort ON contents (sort);

    CREATE TABLE releases (
      no INTEGER PRIMARY KEY,
      content INTEGER NOT NULL,
      author_key TEXT NOT NULL,
      -- What the author's name looks like.
      look TEXT NOT NULL DEFAULT '',
      UNIQUE (content, author_key)
    ) STRICT;
    CREATE INDEX releases_look ON releases (look, author_key);

    CREATE TABLE offers (
      room TEXT NOT NULL,
      peer TEXT NOT NULL,
      content INTEGER NOT NULL,
      release INTEGER NOT NULL,
      PRIMARY KEY (room, peer, content)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX offers_content ON offers (content, room, peer);
    CREATE INDEX offers_peer ON offers (peer);
    CREATE INDEX offers_release ON offers (release);

    CREATE VIRTUAL TABLE search USING fts5 (text, tokenize = 'trigram');
  `);
  return db;
}

/** A search as SQL: the condition on `contents` as `c`, and its values. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly string[];
}

export interface Filter {
  readonly room?: string;
  readonly peer?: string;
  readonly text?: string;
}

/** Every word has to occur somewhere. Trigrams need three characters; shorter words are looked for one by one. */
export function conditionOf({ room, peer, text = '' }: Filter): Condition {
  const sql = ['1'];
  const values: string[] = [];
  if (room !== undefined || peer !== undefined) {
    const offer = [room !== undefined && 'room = ?', peer !== undefined && 'peer = ?'].filter(Boolean);
    sql.push(`c.no IN (SELECT content FROM offers WHERE ${offer.join(' AND ')})`);
    values.push(...[room, peer].filter((value) => value !== undefined));
  }
  const words = wordsOf(text);
  const long = words.filter((word) => Array.from(word).length >= 3);
  if (long.length > 0) {
    sql.push('c.no IN (SELECT rowid FROM search WHERE search MATCH ?)');
    values.push(long.map((word) => `"${word.replaceAll('"', '""')}"`).join(' AND '));
  }
  for (const word of words) {
    if (long.includes(word)) continue;
    sql.push(`c.text LIKE ? ESCAPE '\\'`);
    values.push(`%${word.replace(/[\\%_]/g, '\\$&')}%`);
  }
  return { sql: sql.join(' AND '), values };
}

/** A search box is typed by hand; more than this is pasted by mistake. */
const MAX_SEARCH_LENGTH = 200;
const MAX_WORDS = 16;

function wordsOf(text: string): string[] {
  // FTS5 ends a query at NUL.
  const clean = text
    .slice(0, MAX_SEARCH_LENGTH)
    .toLowerCase()
    .replace(/~[0-9a-f]{4,64}\//g, '/') // As a name is shown beside one that looks the same.
    .replace(/[\u0000-\u001f]/g, ' ');
  return [...new Set(clean.split(/\s+/).filter((word) => word !== ''))].slice(0, MAX_WORDS);
}
