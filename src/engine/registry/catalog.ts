import { Emitter } from '../events';
import { MAX_CATALOG_CONTENTS } from '../limits';
import type { SignedRelease } from '../release/release';
import type { SqlRow } from '../store/sqlite';
import { CatalogChanges, type CatalogChange } from './catalogChanges';
import { CatalogRows, OFFERS, type CatalogRules } from './catalogRows';
import { conditionOf, type Filter } from './catalogTables';
import { findTarget } from './findTarget';

/** Two are enough to know that a name is taken twice; more tell how long a part of the key has to be shown. */
const MAX_NAMESAKES = 64;
/** Goes from key to key in the index: an author of ten thousand adapters costs no more than one of a few. */
const NAMESAKES = `
  WITH RECURSIVE keys(look, author_key) AS (
    SELECT * FROM (SELECT look, author_key FROM releases WHERE look = ? ORDER BY author_key LIMIT 1)
    UNION ALL
    SELECT look, (
      SELECT author_key FROM releases r WHERE r.look = keys.look AND r.author_key > keys.author_key
      ORDER BY r.author_key LIMIT 1
    ) FROM keys WHERE author_key IS NOT NULL
    LIMIT ?
  )
  SELECT (SELECT min(no) FROM releases r WHERE r.look = ? AND r.author_key = keys.author_key) AS no
  FROM keys WHERE author_key IS NOT NULL`;
/** Of one search. */
const MAX_PAGE = 200;

/** An adapter that rooms offer. */
export interface CatalogEntry {
  readonly id: string;
  /** `author/name` of the shown release. */
  readonly name: string;
  /** Words of the author whose release was seen first. */
  readonly release: SignedRelease;
  /** Every author's words about the same files, first seen first. */
  readonly signers: readonly SignedRelease[];
  readonly rooms: readonly string[];
  /** Keys of the peers that offer it, hex. */
  readonly sources: readonly string[];
}

export interface CatalogSource {
  readonly peer: string;
  readonly rooms: readonly string[];
}

export interface CatalogPage {
  readonly entries: readonly CatalogEntry[];
  readonly total: number;
}

/** What the peers of all rooms offer now, to be searched. */
export class Catalog {
  readonly #rows: CatalogRows;
  readonly #changed = new Emitter<CatalogChange>();
  readonly onDidChange = this.#changed.event;
  #revision = 0;

  constructor(rules?: CatalogRules) {
    this.#rows = new CatalogRows(rules);
  }

  /** Grows with every change. */
  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Takes the whole list of a peer in a room: what it left out is gone. */
  applySnapshot(room: string, peer: string, releases: readonly SignedRelease[]): void {
    this.#change((changes) => {
      const next = new Set(releases.map(({ release }) => release.contentId));
      for (const row of this.#rows.offersOf(room, peer))
        if (!next.has(String(row['id']))) this.#rows.withdraw(changes, row);
      this.#rows.offerAll(changes, room, peer, releases);
    });
  }

  applyDelta(
    room: string,
    peer: string,
    { add, remove }: { readonly add: readonly SignedRelease[]; readonly remove: readonly string[] },
  ): void {
    this.#change((changes) => {
      const gone = new Set(remove);
      for (const row of this.#rows.offersOf(room, peer))
        if (gone.has(String(row['id']))) this.#rows.withdraw(changes, row);
      this.#rows.offerAll(changes, room, peer, add);
    });
  }

  /** The peer left the room. */
  dropPeer(room: string, peer: string): void {
    this.#change((changes) => {
      for (const row of this.#rows.offersOf(room, peer)) this.#rows.withdraw(changes, row);
    });
  }

  /** The room was left. */
  dropRoom(room: string): void {
    this.#change((changes) => {
      for (const row of this.#rows.db.all(`${OFFERS} WHERE o.room = ?`, room)) this.#rows.withdraw(changes, row);
    });
  }

  /** Adapters in which every word occurs, by name. @param query `limit` is at most 200. */
  search({ offset = 0, limit = MAX_PAGE, ...filter }: Filter & { offset?: number; limit?: number } = {}): CatalogPage {
    const { sql, values } = conditionOf(filter);
    const total = Number(
      this.#rows.db.get(`SELECT count(*) AS total FROM contents c WHERE ${sql}`, ...values)?.['total'],
    );
    const rows = this.#rows.db.all(
      `SELECT no, id, name, shown FROM contents c WHERE ${sql} ORDER BY sort LIMIT ? OFFSET ?`,
      ...values,
      clamp(limit, 0, MAX_PAGE),
      clamp(offset, 0, MAX_CATALOG_CONTENTS),
    );
    return { entries: rows.map((row) => this.#entry(row)), total };
  }

  get(id: string): CatalogEntry | undefined {
    const row = this.#rows.db.get('SELECT no, id, name, shown FROM contents WHERE id = ?', id);
    return row && this.#entry(row);
  }

  /** @throws {LoraSwarmError} `ID_UNKNOWN`, `ID_AMBIGUOUS` */
  find(target: string, filter: Filter = {}): CatalogEntry {
    const { sql, values } = conditionOf(filter);
    const rows = this.#rows.db.all(
      `SELECT c.id, c.name, r.author_key FROM contents c JOIN releases r ON r.no = c.shown WHERE ${sql}`,
      ...values,
    );
    const { id } = findTarget(
      target,
      rows.map((row) => ({
        id: String(row['id']),
        name: String(row['name']),
        authorKeys: [String(row['author_key'])],
      })),
    );
    return this.get(id)!;
  }

  /** A release of each key whose author's name looks like this. @param look see `lookOf`. */
  byLook(look: string): SignedRelease[] {
    const rows = this.#rows.db.all(NAMESAKES, look, MAX_NAMESAKES, look);
    return rows.flatMap(({ no }) => this.#rows.releases.get(Number(no)) ?? []);
  }

  /** How many a peer offers in which room. */
  offeredBy(peer: string): Readonly<Record<string, number>> {
    const rows = this.#rows.db.all('SELECT room, count(*) AS total FROM offers WHERE peer = ? GROUP BY room', peer);
    return Object.fromEntries(rows.map(({ room, total }) => [String(room), Number(total)]));
  }

  /** Who offers it now, and where. */
  sources(id: string): CatalogSource[] {
    const byPeer = new Map<string, string[]>();
    for (const row of this.#rows.db.all(`${OFFERS} WHERE c.id = ? ORDER BY o.peer, o.room`, id)) {
      const rooms = byPeer.get(String(row['peer'])) ?? [];
      rooms.push(String(row['room']));
      byPeer.set(String(row['peer']), rooms);
    }
    return [...byPeer].map(([peer, rooms]) => ({ peer, rooms }));
  }

  close(): void {
    this.#changed.dispose();
    this.#rows.db.close();
  }

  #change(work: (changes: CatalogChanges) => void): void {
    const changes = new CatalogChanges();
    const { together = (all: () => void) => all() } = this.#rows.rules;
    this.#rows.db.transaction(() => together(() => work(changes)));
    if (changes.isEmpty) return;
    this.#revision++;
    for (const change of changes.list()) this.#changed.fire(change);
  }

  #entry(row: SqlRow): CatalogEntry {
    const content = Number(row['no']);
    const offers = this.#rows.db.all('SELECT room, peer FROM offers WHERE content = ? ORDER BY room, peer', content);
    const releases = this.#rows.db.all('SELECT no FROM releases WHERE content = ? ORDER BY no', content);
    return {
      id: String(row['id']),
      name: String(row['name']),
      release: this.#rows.releases.get(Number(row['shown']))!,
      signers: releases.map(({ no }) => this.#rows.releases.get(Number(no))!),
      rooms: [...new Set(offers.map((offer) => String(offer['room'])))],
      sources: [...new Set(offers.map((offer) => String(offer['peer'])))],
    };
  }
}

function clamp(value: number, low: number, high: number): number {
  return Number.isFinite(value) ? Math.min(high, Math.max(low, Math.floor(value))) : low;
}
