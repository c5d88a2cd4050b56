import { join } from 'node:path';
import { GROUP_CHUNKS } from '../limits';
import { ChunkMap } from '../release/chunkMap';
import { hashGroup, type Manifest } from '../release/manifest';
import { readSmallFile } from './files';
import { CHUNKS_NAME, type PackageArea } from './paths';
import { Database } from './sqlite';
import type { Store } from './store';

/** Bytes of a hash that are looked for: what a number holds exactly. Who copies a chunk hashes it, so a chance hit costs a read. */
const PREFIX_BYTES = 6;
/** Rows that are entered in one go, about 2 ms. */
const SLICE_GROUPS = 16;

/** Where a chunk lies: a package that is here, by its number in the index. */
interface Place {
  readonly number: number;
  readonly chunk: number;
}

/** Consecutive chunks that another package has, one after the other too. */
export interface FoundRun {
  readonly first: number;
  readonly count: number;
  /** Content id of the other package, and its first of these chunks. */
  readonly from: string;
  readonly fromFirst: number;
}

/**
 * Which chunks are here, by their hash: of all packages in the library and of those that are shared.
 *
 * It is made from the lists of hashes beside the packages, 32 bytes for 64 KiB, when somebody looks for the first time, in a
 * database of SQLite's own that has no name and ends with the process: so there is nothing that a crash could damage, that
 * would be written with the user's rows, or that would be left.
 */
export class ChunkIndex {
  #db: Database | undefined;
  readonly #numbers = new Map<string, number>();
  readonly #ids = new Map<number, string>();
  #lastNumber = 0;
  #refreshing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(private readonly store: Store) {}

  /** Whether any package but this one is here. */
  hasOther(id: string): boolean {
    return [...this.#wanted().keys()].some((other) => other !== id);
  }

  /** Takes in what came since, and forgets what went. Gives way to others every few milliseconds. */
  refresh(): Promise<void> {
    const refresh = this.#refreshing.then(() => this.#refresh());
    this.#refreshing = refresh.catch(() => undefined); // A list that can't be read now may be the next time.
    return refresh;
  }

  /**
   * Where chunks lie that other packages have too. Knows what was here at the last `refresh`.
   *
   * @param firstChunk number of the first of them in their own package, `id`.
   * @param hashes 32 bytes for each of at most 64 chunks.
   */
  find(id: string, firstChunk: number, hashes: Uint8Array): FoundRun[] {
    const places = this.#places(hashes);
    const own = this.#numbers.get(id);
    const runs: { first: number; count: number; number: number; fromFirst: number }[] = [];
    for (let i = 0; i * 32 < hashes.byteLength; i++) {
      const here = (places.get(prefixOf(hashes, i)) ?? []).filter(
        ({ number }) => this.#ids.has(number) && number !== own,
      );
      const [any] = here;
      if (!any) continue;
      const chunk = firstChunk + i;
      const run = runs.at(-1);
      const goesOn =
        run?.first === chunk - (run?.count ?? 0) &&
        here.some((place) => place.number === run.number && place.chunk === run.fromFirst + run.count);
      if (goesOn) run.count++;
      else runs.push({ first: chunk, count: 1, number: any.number, fromFirst: any.chunk });
    }
    return runs.map(({ first, count, number, fromFirst }) => ({
      first,
      count,
      from: this.#ids.get(number)!,
      fromFirst,
    }));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#refreshing;
    this.#db?.close();
  }

  #places(hashes: Uint8Array): ReadonlyMap<number, readonly Place[]> {
    const places = new Map<number, Place[]>();
    if (!this.#db || this.#isClosed) return places;
    const prefixes = Array.from({ length: hashes.byteLength / 32 }, (_, i) => prefixOf(hashes, i));
    const marks = prefixes.map(() => '?').join();
    for (const row of this.#db.all(
      `SELECT prefix, package, chunk FROM chunks WHERE prefix IN (${marks})`,
      ...prefixes,
    )) {
      const prefix = Number(row['prefix']);
      const place = { number: Number(row['package']), chunk: Number(row['chunk']) };
      places.set(prefix, [...(places.get(prefix) ?? []), place]);
    }
    return places;
  }

  /** Packages whose chunks can be read now. */
  #wanted(): Map<string, { readonly area: PackageArea; readonly manifest: Manifest }> {
    const wanted = new Map<string, { area: PackageArea; manifest: Manifest }>();
    for (const { id, manifest, isOn, phase } of this.store.shared.list())
      if (isOn && phase === 'serving') wanted.set(id, { area: 'shared', manifest });
    for (const { id, manifest } of this.store.library.list()) wanted.set(id, { area: 'library', manifest });
    return wanted;
  }

  #isOver(): boolean {
    return this.#isClosed;
  }

  async #refresh(): Promise<void> {
    const wanted = this.#wanted();
    for (const [id, number] of this.#numbers) {
      if (wanted.has(id)) continue;
      this.#numbers.delete(id);
      this.#ids.delete(number); // Its rows mean nothing from here on.
    }
    for (const [id, { area, manifest }] of wanted) if (!this.#numbers.has(id)) await this.#enter(id, area, manifest);
  }

  async #enter(id: string, area: PackageArea, manifest: Manifest): Promise<void> {
    const map = new ChunkMap(manifest);
    const hashes = await readSmallFile(join(this.store.paths.package(area, id), CHUNKS_NAME), map.chunks * 32);
    if (this.#isOver()) return;
    const db = (this.#db ??= openIndex());
    const number = ++this.#lastNumber;
    for (let group = 0; hashes && group < map.groups; group += SLICE_GROUPS) {
      db.transaction(() => {
        for (let each = group; each < Math.min(map.groups, group + SLICE_GROUPS); each++)
          enter(db, number, map, each, hashes);
      });
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#isOver()) return;
    }
    this.#numbers.set(id, number);
    this.#ids.set(number, id);
  }
}

/** A list that the disk damaged is left out: its chunks are fetched then, as any other. */
function enter(db: Database, number: number, map: ChunkMap, group: number, hashes: Uint8Array): void {
  const { firstChunk, chunks, hash } = map.group(group);
  const list = hashes.subarray(firstChunk * 32, (firstChunk + chunks) * 32);
  if (list.byteLength !== chunks * 32 || !hashGroup(list).equals(hash)) return;
  const rows = Array.from({ length: chunks }, (_, i) => [prefixOf(list, i), number, firstChunk + i]);
  const marks = rows.map(() => '(?, ?, ?)').join();
  db.run(`INSERT OR IGNORE INTO chunks (prefix, package, chunk) VALUES ${marks}`, ...rows.flat());
}

function openIndex(): Database {
  const db = new Database(''); // SQLite's name for a file of its own, that it removes.
  db.exec(`PRAGMA journal_mode = MEMORY;
    PRAGMA synchronous = OFF;
    CREATE TABLE chunks (prefix INTEGER, package INTEGER, chunk INTEGER, PRIMARY KEY (prefix, package, chunk))
      STRICT, WITHOUT ROWID`);
  return db;
}

/** @param hashes 32 bytes each, at most of one group. */
function prefixOf(hashes: Uint8Array, index: number): number {
  if (index >= GROUP_CHUNKS) throw new RangeError(`chunk ${index} of a group`);
  return Buffer.from(hashes.buffer, hashes.byteOffset + index * 32, PREFIX_BYTES).readUIntBE(0, PREFIX_BYTES);
}
