import { LoraSwarmError, storageError } from '../errors';
import { Emitter } from '../events';
import { hashFile } from '../release/hashPackage';
import { weightsOf, type Manifest } from '../release/manifest';
import type { SignedRelease } from '../release/release';
import { statOf } from './files';
import { encodeRelease, readPackageFacts } from './packageFiles';
import { isContentId, type StorePaths } from './paths';
import { readJson, readTexts } from './rowJson';
import type { Database, SqlRow } from './sqlite';

/** Whether the weights are still what was shared. */
export type SourcePhase = (typeof PHASES)[number];

const PHASES = ['serving', 'changed', 'missing'] as const;

export interface SharedRecord {
  readonly id: string;
  readonly manifest: Manifest;
  readonly release: SignedRelease;
  readonly rooms: readonly string[];
  /** Real path: no part of it was a link when it was shared. */
  readonly weightsPath: string;
  /** The weights are a copy in our folder. */
  readonly isCopy: boolean;
  /** False while the user pauses it. */
  readonly isOn: boolean;
  readonly phase: SourcePhase;
  /** Size and modification time of the weights when `phase` was found out; -1 when they have to be hashed next. */
  readonly seenSize: number;
  readonly seenMtimeMs: number;
  readonly addedAt: number;
}

/**
 * Rows of the adapters that this machine shares, and the watch over their weights, which the user may change at any time.
 *
 * Size and time are looked at before every reading. When they differ the whole file is hashed once: a file that was only
 * touched goes on being shared, any other is `changed` until it hashes right again.
 */
export class SharedStore {
  readonly #records = new Map<string, SharedRecord>();
  readonly #checks = new Map<string, Promise<SharedRecord | undefined>>();
  readonly #stop = new AbortController();
  readonly #changed = new Emitter<{ readonly id: string }>();
  readonly onDidChange = this.#changed.event;

  constructor(
    private readonly db: Database,
    private readonly paths: StorePaths,
  ) {}

  /** Reads the rows. @returns ids whose folder is gone or damaged: they can't be served and are left out. */
  async load(): Promise<string[]> {
    const broken: string[] = [];
    for (const row of this.db.all('SELECT * FROM shared ORDER BY added_at, rowid')) {
      const id = String(row['id']);
      const facts = isContentId(id) ? await readPackageFacts(this.paths.package('shared', id), id) : undefined;
      if (facts?.release) this.#records.set(id, read(row, facts.manifest, facts.release));
      else broken.push(id);
    }
    return broken;
  }

  /** Whether there is a row, also one whose folder is damaged. */
  hasRow(id: string): boolean {
    return this.db.get('SELECT 1 FROM shared WHERE id = ?', id) !== undefined;
  }

  list(): SharedRecord[] {
    return [...this.#records.values()];
  }

  get(id: string): SharedRecord | undefined {
    return this.#records.get(id);
  }

  put(record: SharedRecord): void {
    this.db.run(
      `INSERT OR REPLACE INTO shared
         (id, release, rooms, weights_path, is_copy, is_on, seen_size, seen_mtime_ms, phase, added_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      record.id,
      encodeRelease(record.release),
      JSON.stringify(record.rooms),
      record.weightsPath,
      record.isCopy ? 1 : 0,
      record.isOn ? 1 : 0,
      record.seenSize,
      record.seenMtimeMs,
      record.phase,
      record.addedAt,
    );
    this.#records.set(record.id, record);
    this.#changed.fire({ id: record.id });
  }

  remove(id: string): void {
    this.db.run('DELETE FROM shared WHERE id = ?', id);
    if (this.#records.delete(id)) this.#changed.fire({ id });
  }

  /**
   * Looks whether the weights of a shared adapter are still what was shared.
   *
   * @throws {LoraSwarmError} `SOURCE_MISSING`, `SOURCE_CHANGED`, `ID_UNKNOWN` when it is shared no more.
   */
  async check(id: string): Promise<SharedRecord> {
    let check = this.#checks.get(id);
    if (!check) {
      check = this.#check(id).finally(() => this.#checks.delete(id));
      this.#checks.set(id, check);
    }
    const record = await check;
    if (!record) throw new LoraSwarmError('ID_UNKNOWN', 'This adapter is shared no more.');
    if (record.phase === 'serving') return record;
    throw sourceError(record.phase, record.weightsPath);
  }

  /** A chunk hashed wrong though size and time are those of before. The next check hashes the whole file. */
  markChanged(id: string): LoraSwarmError {
    const record = this.#records.get(id);
    if (record) this.#setPhase(record, 'changed', -1, record.seenMtimeMs);
    return sourceError('changed', record?.weightsPath ?? 'The file');
  }

  /** Ends checks that are hashing. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#checks.values());
    this.#changed.dispose();
  }

  async #check(id: string): Promise<SharedRecord | undefined> {
    const record = this.#records.get(id);
    if (!record) return undefined;
    const stat = await statOf(record.weightsPath).catch((error: unknown) => {
      throw storageError(error, record.weightsPath);
    });
    // What was wrong when it vanished has to prove itself when it is back; what was right is hashed chunk by chunk anyway.
    if (!stat)
      return this.#setPhase(record, 'missing', record.phase === 'changed' ? -1 : record.seenSize, record.seenMtimeMs);
    const isAsSeen = stat.size === record.seenSize && stat.mtimeMs === record.seenMtimeMs;
    if (isAsSeen && record.phase === 'missing') return this.#setPhase(record, 'serving', stat.size, stat.mtimeMs);
    if (isAsSeen) return record;
    const isSame = stat.isFile() && stat.size === weightsOf(record.manifest).size && (await this.#hashesRight(record));
    return this.#setPhase(record, isSame ? 'serving' : 'changed', stat.size, stat.mtimeMs);
  }

  async #hashesRight({ manifest, weightsPath }: SharedRecord): Promise<boolean> {
    const weights = weightsOf(manifest);
    try {
      const { file } = await hashFile(weightsPath, weights.role, { signal: this.#stop.signal });
      return Buffer.from(file.sha256).equals(weights.sha256);
    } catch (error) {
      if (this.#stop.signal.aborted) throw error;
      return false; // Changes under our eyes, or can't be read.
    }
  }

  #setPhase(record: SharedRecord, phase: SourcePhase, seenSize: number, seenMtimeMs: number): SharedRecord | undefined {
    const now = this.#records.get(record.id); // Rooms may have changed, or the adapter be gone, while we hashed.
    if (!now) return undefined;
    if (now.phase === phase && now.seenSize === seenSize && now.seenMtimeMs === seenMtimeMs) return now;
    const next = { ...now, phase, seenSize, seenMtimeMs };
    this.db.run(
      'UPDATE shared SET phase = ?, seen_size = ?, seen_mtime_ms = ? WHERE id = ?',
      phase,
      seenSize,
      seenMtimeMs,
      now.id,
    );
    this.#records.set(now.id, next);
    if (now.phase !== phase) this.#changed.fire({ id: now.id });
    return next;
  }
}

function read(row: SqlRow, manifest: Manifest, release: SignedRelease): SharedRecord {
  return {
    id: manifest.id,
    manifest,
    release,
    rooms: readTexts(readJson(row['rooms'])),
    weightsPath: String(row['weights_path']),
    isCopy: row['is_copy'] === 1,
    isOn: row['is_on'] === 1,
    ...readSeen(row),
    seenMtimeMs: Number(row['seen_mtime_ms']),
    addedAt: Number(row['added_at']),
  };
}

/** What is not known to be in order is hashed again. */
function readSeen(row: SqlRow): Pick<SharedRecord, 'phase' | 'seenSize'> {
  const phase = PHASES.find((known) => known === row['phase']);
  return phase ? { phase, seenSize: Number(row['seen_size']) } : { phase: 'changed', seenSize: -1 };
}

export function sourceError(phase: 'changed' | 'missing', path: string): LoraSwarmError {
  if (phase === 'missing')
    return new LoraSwarmError(
      'SOURCE_MISSING',
      `${path} is gone, so it is not shared now. Put it back, or stop sharing it.`,
    );
  return new LoraSwarmError(
    'SOURCE_CHANGED',
    `${path} is not what was shared, so it is not shared now. Share it again to offer what it is today.`,
  );
}
