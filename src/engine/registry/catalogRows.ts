import { MAX_CATALOG_CONTENTS, MAX_PEER_ENTRIES } from '../limits';
import type { SignedRelease } from '../release/release';
import type { Database, SqlRow } from '../store/sqlite';
import type { CatalogChanges } from './catalogChanges';
import { lookOf } from './authorNames';
import { openCatalogTables } from './catalogTables';
import { fullName } from './summary';

/** What is looked at before a release counts. */
export interface CatalogRules {
  /** Says no to a release that its author has replaced by a newer one; see `ReleaseNumbers`. */
  readonly admit?: (signed: SignedRelease) => boolean;
  /** Does `work`, which admits many. */
  readonly together?: (work: () => void) => void;
  /** Says no to a release that its author meant for other rooms. */
  readonly isMeantFor?: (room: string, signed: SignedRelease) => boolean;
}

/** Joins offers with the ids of their contents. */
export const OFFERS =
  'SELECT o.room, o.peer, o.content, o.release, c.id FROM offers o JOIN contents c ON c.no = o.content';

/**
 * The rows of the catalog: who offers what in which room, and the rules of what is kept.
 *
 * When it is full, the peer that brought most gives way to one that brought less, so nobody can push the others out.
 */
export class CatalogRows {
  readonly db: Database = openCatalogTables();
  /** Signed bytes by the number of their row. */
  readonly releases = new Map<number, SignedRelease>();
  /** How many contents count for each peer. */
  readonly #owned = new Map<string, number>();
  #contents = 0;

  constructor(readonly rules: CatalogRules = {}) {}

  get size(): number {
    return this.#contents;
  }

  offersOf(room: string, peer: string): SqlRow[] {
    return this.db.all(`${OFFERS} WHERE o.room = ? AND o.peer = ?`, room, peer);
  }

  /** Enters what a peer says in a room, as far as limits allow. */
  offerAll(changes: CatalogChanges, room: string, peer: string, releases: readonly SignedRelease[]): void {
    const offered = new Set(this.offersOf(room, peer).map((row) => String(row['id'])));
    let isFull = false;
    for (const signed of releases) {
      const { contentId } = signed.release;
      if (!offered.has(contentId) && offered.size >= MAX_PEER_ENTRIES) continue;
      let content = this.#contentNo(contentId);
      if (this.rules.isMeantFor?.(room, signed) === false) continue;
      // Old words count for nothing. They only show who has the files, as long as somebody says the newer ones.
      if (this.rules.admit?.(signed) === false && !this.#isKnown(content, signed)) continue;
      if (content === undefined) {
        // Once there is no place for this peer there is none for its next one either.
        isFull ||= this.#contents >= MAX_CATALOG_CONTENTS && !this.#makePlace(changes, peer);
        if (isFull) continue;
        content = this.#addContent(contentId, peer);
      }
      this.#offer(changes, room, peer, content, signed);
      offered.add(contentId);
    }
  }

  #offer(changes: CatalogChanges, room: string, peer: string, content: number, signed: SignedRelease): void {
    const before = this.db.get(
      'SELECT release FROM offers WHERE room = ? AND peer = ? AND content = ?',
      room,
      peer,
      content,
    )?.['release'];
    if (!this.#isOffered(content, room)) changes.add(room, signed.release.contentId);
    const release = this.#putRelease(changes, room, content, signed);
    if (before === release) return;
    changes.touch(room);
    this.db.run(
      'INSERT OR REPLACE INTO offers (room, peer, content, release) VALUES (?, ?, ?, ?)',
      room,
      peer,
      content,
      release,
    );
    if (before !== undefined) this.#dropUnused(content, Number(before));
    this.#show(content);
  }

  /** Of two releases of one author the one with the higher number counts, whoever brings it. */
  #putRelease(changes: CatalogChanges, room: string, content: number, signed: SignedRelease): number {
    const key = Buffer.from(signed.authorKey).toString('hex');
    const no = this.db.get('SELECT no FROM releases WHERE content = ? AND author_key = ?', content, key)?.['no'];
    if (no === undefined) {
      const { lastInsertRowid } = this.db.run(
        'INSERT INTO releases (content, author_key, look) VALUES (?, ?, ?)',
        ...[content, key, lookOf(signed.release.author)],
      );
      this.releases.set(lastInsertRowid, signed);
      return lastInsertRowid;
    }
    const known = this.releases.get(Number(no))!;
    if ((signed.release.sequence ?? 0) > (known.release.sequence ?? 0)) {
      this.releases.set(Number(no), signed);
      this.db.run('UPDATE releases SET look = ? WHERE no = ?', lookOf(signed.release.author), Number(no));
      changes.touch(room);
      this.#show(content, Number(no));
    }
    return Number(no);
  }

  /** Takes back one offer, a row of `OFFERS`. */
  withdraw(changes: CatalogChanges, row: SqlRow): void {
    const [room, peer, id] = [String(row['room']), String(row['peer']), String(row['id'])];
    const content = Number(row['content']);
    this.db.run('DELETE FROM offers WHERE room = ? AND peer = ? AND content = ?', room, peer, content);
    changes.touch(room);
    if (!this.#isOffered(content, room)) changes.remove(room, id);
    this.#dropUnused(content, Number(row['release']));
    const next = this.db.get(
      'SELECT min(peer) AS peer, max(peer = ?) AS stays FROM offers WHERE content = ?',
      peer,
      content,
    );
    if (next?.['peer'] === null) this.#removeContent(content);
    else if (next?.['stays'] === 0) this.#setOwner(content, peer, next['peer'] as string);
    else this.#show(content);
  }

  #addContent(id: string, owner: string): number {
    this.#contents++;
    this.#owned.set(owner, (this.#owned.get(owner) ?? 0) + 1);
    return this.db.run('INSERT INTO contents (id, owner) VALUES (?, ?)', id, owner).lastInsertRowid;
  }

  #removeContent(content: number): void {
    const owner = String(this.db.get('SELECT owner FROM contents WHERE no = ?', content)?.['owner']);
    this.db.run('DELETE FROM contents WHERE no = ?', content);
    this.db.run('DELETE FROM search WHERE rowid = ?', content);
    this.#contents--;
    this.#disown(owner);
  }

  #setOwner(content: number, from: string, to: string): void {
    const { changes } = this.db.run('UPDATE contents SET owner = ? WHERE no = ? AND owner = ?', to, content, from);
    if (changes > 0) {
      this.#disown(from);
      this.#owned.set(to, (this.#owned.get(to) ?? 0) + 1);
    }
    this.#show(content);
  }

  #disown(peer: string): void {
    const left = (this.#owned.get(peer) ?? 0) - 1;
    if (left > 0) this.#owned.set(peer, left);
    else this.#owned.delete(peer);
  }

  /** Makes the peer that brought most give up its newest. @returns false when nobody has more than `peer` would have. */
  #makePlace(changes: CatalogChanges, peer: string): boolean {
    let most = '';
    for (const [owner, count] of this.#owned) if (count > (this.#owned.get(most) ?? 0)) most = owner;
    if ((this.#owned.get(most) ?? 0) <= (this.#owned.get(peer) ?? 0) + 1) return false;
    const newest = this.db.get('SELECT id FROM contents WHERE owner = ? ORDER BY no DESC LIMIT 1', most)?.['id'];
    for (const row of this.db.all(`${OFFERS} WHERE c.id = ?`, String(newest))) this.withdraw(changes, row);
    return true;
  }

  /** Forgets what an author says when no peer repeats it any more. */
  #dropUnused(content: number, release: number): void {
    if (this.db.get('SELECT 1 FROM offers WHERE release = ?', release)) return;
    this.db.run('DELETE FROM releases WHERE no = ?', release);
    this.releases.delete(release);
    this.db.run('UPDATE contents SET shown = NULL WHERE no = ? AND shown = ?', content, release);
  }

  /** Sees to it that a content is shown with the words that came first. @param renewed a release whose words changed. */
  #show(content: number, renewed?: number): void {
    const shown = this.db.get('SELECT shown FROM contents WHERE no = ?', content)?.['shown'];
    if (shown !== null && shown !== renewed) return;
    const first = this.db.get('SELECT min(no) AS no FROM releases WHERE content = ?', content)?.['no'];
    const release = this.releases.get(Number(first))?.release;
    if (!release) return;
    const text = [fullName(release), release.shape.baseModel ?? '', ...release.tags].join('\n').toLowerCase();
    const sort = [release.name, release.author].join('\n').toLowerCase();
    this.db.run(
      `UPDATE contents SET shown = ?, name = ?, text = ?, sort = ? || char(10) || id WHERE no = ?`,
      Number(first),
      fullName(release),
      text,
      sort,
      content,
    );
    this.db.run('INSERT OR REPLACE INTO search (rowid, text) VALUES (?, ?)', content, text);
  }

  /** Whether a release of this author for this content is shown now. */
  #isKnown(content: number | undefined, { authorKey }: SignedRelease): boolean {
    const key = Buffer.from(authorKey).toString('hex');
    return (
      content !== undefined &&
      this.db.get('SELECT 1 FROM releases WHERE content = ? AND author_key = ?', content, key) !== undefined
    );
  }

  #contentNo(id: string): number | undefined {
    const no = this.db.get('SELECT no FROM contents WHERE id = ?', id)?.['no'];
    return no === undefined ? undefined : Number(no);
  }

  #isOffered(content: number, room: string): boolean {
    return this.db.get('SELECT 1 FROM offers WHERE content = ? AND room = ?', content, room) !== undefined;
  }
}
