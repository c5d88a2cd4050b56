import type { InstallRouteName } from '../deployWishes';
import { readJson } from './rowJson';
import type { Database, SqlRow } from './sqlite';

/** A model that we made in Ollama. What an older version of ours did not write down is absent. */
export interface MadeModel {
  /** SHA-256 of its manifest file, hex, as `/api/tags` says it. Another digest: the user replaced the model. */
  readonly digest: string;
  /** Content id of the adapter in it, empty for files that have none. */
  readonly adapterId: string;
  /** Name of the model under it. */
  readonly base?: string;
  readonly route?: InstallRouteName;
  /** What it added to the disk. */
  readonly bytesOnDisk?: number;
  /** Says what it was made of: the same again would be the same model. */
  readonly recipe?: string;
  /** Who released the adapter, and as what: a newer release of both can take its place. */
  readonly release?: { readonly authorKey: string; readonly name: string; readonly sequence?: number };
}

/**
 * What an install is about to leave in Ollama. Written down before it does, so that after a crash at any point it is known
 * what is ours.
 */
export interface InstallWork {
  readonly id: string;
  /** Address of the Ollama. */
  readonly url: string;
  /** Name of the new model. Empty until it is chosen. */
  readonly model: string;
  /** Exact name of the base. */
  readonly base: string;
  /** Names of unfinished models. */
  readonly staged: readonly string[];
  /** `sha256:<hex>` of what was uploaded. */
  readonly blobs: readonly string[];
  /** Files in its models folder that are to vanish. */
  readonly files: readonly string[];
  /** Goes on record once Ollama lists exactly this under the name. */
  readonly made?: MadeModel;
  /** Digest of the model that had the name before, when this is an update. */
  readonly replaces?: string;
  /** It failed, so that the model is to be taken back. */
  readonly isAbandoned?: boolean;
}

/** Models that we made in the local Ollama, by name, and installs that have not ended. Only these may be removed by us. */
export class MadeModelStore {
  constructor(private readonly db: Database) {}

  add(model: string, { digest, adapterId, ...more }: MadeModel): void {
    this.db.run(
      'INSERT OR REPLACE INTO made_models (model, digest, adapter_id, data) VALUES (?, ?, ?, ?)',
      model,
      digest,
      adapterId,
      JSON.stringify(more),
    );
  }

  get(model: string): MadeModel | undefined {
    const row = this.db.get('SELECT digest, adapter_id, data FROM made_models WHERE model = ?', model);
    return row && read(row);
  }

  remove(model: string): void {
    this.db.run('DELETE FROM made_models WHERE model = ?', model);
  }

  list(): (MadeModel & { readonly model: string })[] {
    return this.db
      .all('SELECT model, digest, adapter_id, data FROM made_models ORDER BY model')
      .map((row) => ({ model: String(row['model']), ...read(row) }));
  }

  keepWork(work: InstallWork): void {
    this.db.run('INSERT OR REPLACE INTO install_works (id, data) VALUES (?, ?)', work.id, JSON.stringify(work));
  }

  endWork(id: string): void {
    this.db.run('DELETE FROM install_works WHERE id = ?', id);
  }

  /** As they were kept: only this program writes here. A damaged one is left out. */
  works(): InstallWork[] {
    return this.db
      .all('SELECT data FROM install_works ORDER BY rowid')
      .flatMap((row) => readWork(readJson(row['data'])) ?? []);
  }
}

function read(row: SqlRow): MadeModel {
  const found = readJson(row['data']);
  const more = typeof found === 'object' && !Array.isArray(found) ? found : {};
  return { ...more, digest: String(row['digest']), adapterId: String(row['adapter_id']) };
}

function readWork(value: unknown): InstallWork | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const work = value as { readonly [K in keyof InstallWork]?: unknown };
  const isWhole = [work.id, work.url, work.model].every((field) => typeof field === 'string');
  const lists = [work.staged, work.blobs, work.files];
  const areTexts = lists.every((list) => Array.isArray(list) && list.every((item) => typeof item === 'string'));
  return isWhole && areTexts ? (value as InstallWork) : undefined;
}
