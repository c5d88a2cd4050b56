import type { Database, SqlRow } from './sqlite';

export interface MadeModel {
  /** Of the model's manifest in Ollama when we made it. */
  readonly digest: string;
  readonly adapterId: string;
}

/** Models that we made in the local Ollama, by name. Only these may be removed by us. */
export class MadeModelStore {
  constructor(private readonly db: Database) {}

  add(model: string, { digest, adapterId }: MadeModel): void {
    this.db.run(
      'INSERT OR REPLACE INTO made_models (model, digest, adapter_id) VALUES (?, ?, ?)',
      model,
      digest,
      adapterId,
    );
  }

  get(model: string): MadeModel | undefined {
    const row = this.db.get('SELECT digest, adapter_id FROM made_models WHERE model = ?', model);
    return row && read(row);
  }

  remove(model: string): void {
    this.db.run('DELETE FROM made_models WHERE model = ?', model);
  }

  list(): (MadeModel & { readonly model: string })[] {
    return this.db
      .all('SELECT model, digest, adapter_id FROM made_models ORDER BY model')
      .map((row) => ({ model: String(row['model']), ...read(row) }));
  }
}

function read(row: SqlRow): MadeModel {
  return { digest: String(row['digest']), adapterId: String(row['adapter_id']) };
}
