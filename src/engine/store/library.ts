import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { LoraSwarmError } from '../errors';
import { Emitter } from '../events';
import { FILE_ROLES, weightsOf, type Manifest } from '../release/manifest';
import type { SignedRelease } from '../release/release';
import { checkFolder, makeFolder, statOfOurs, storeError, syncFolder } from './files';
import { readPackageFacts } from './packageFiles';
import type { StorePaths } from './paths';
import type { Database } from './sqlite';

/** A downloaded and verified package. */
export interface LibraryItem {
  readonly id: string;
  readonly manifest: Manifest;
  readonly release: SignedRelease | undefined;
  readonly folder: string;
  readonly weightsPath: string;
  readonly addedAt: number;
}

/** What `LibraryStore` needs of the store around it. */
export interface LibraryParts {
  readonly db: Database;
  readonly paths: StorePaths;
  /** Closes files below a folder that is about to move, and removes it. */
  throwAway(folder: string): Promise<void>;
}

/**
 * The verified packages. A folder comes here by one rename after all in it was verified and synced, and leaves by one
 * rename, so it is whole whenever it is there. The folders are the truth; the rows say when they came.
 */
export class LibraryStore {
  readonly #items = new Map<string, LibraryItem>();
  readonly #changed = new Emitter<{ readonly id: string }>();
  readonly onDidChange = this.#changed.event;

  constructor(private readonly parts: LibraryParts) {}

  /** Newest first. */
  list(): LibraryItem[] {
    return [...this.#items.values()].sort((a, b) => b.addedAt - a.addedAt || (a.id < b.id ? -1 : 1));
  }

  get(id: string): LibraryItem | undefined {
    return this.#items.get(id);
  }

  /** Moves a sealed package here. One that is here already stays, the folder is thrown away then. */
  async adopt(id: string, folder: string): Promise<LibraryItem> {
    const target = this.parts.paths.package('library', id);
    try {
      const there = statOfOurs(target);
      if (there) checkFolder(there, target);
      const isWhole = there !== undefined && (await this.load(id)) !== undefined;
      if (there && !isWhole) await this.parts.throwAway(target);
      if (isWhole) await this.parts.throwAway(folder);
      else await this.#move(folder, target);
      const item = await this.load(id);
      if (!item) {
        await this.parts.throwAway(target);
        throw takenAway(target);
      }
      this.#changed.fire({ id });
      return item;
    } catch (error) {
      // If it was moved it is here, whatever failed after that, and nobody has to fetch it again.
      if (!this.#items.has(id)) await this.load(id).catch(() => undefined);
      throw storeError(error, target);
    }
  }

  /** @returns whether it was there. */
  async remove(id: string): Promise<boolean> {
    const item = this.#items.get(id);
    if (!item) return false;
    await this.parts.throwAway(item.folder);
    this.#items.delete(id);
    this.forget(id);
    this.#changed.fire({ id });
    return true;
  }

  /** Drops the row of a folder that is not there. */
  forget(id: string): void {
    this.parts.db.run('DELETE FROM library WHERE id = ?', id);
  }

  /** Ids of all rows, also of those whose folder was not loaded. */
  rows(): string[] {
    return this.parts.db.all('SELECT id FROM library').map((row) => String(row['id']));
  }

  /** Takes a folder of the library into the list. `undefined` when it is no package, or files are not as long as they were. */
  async load(id: string): Promise<LibraryItem | undefined> {
    const folder = this.parts.paths.package('library', id);
    if (!statOfOurs(folder)?.isDirectory()) return undefined;
    const facts = await readPackageFacts(folder, id);
    if (!facts) return undefined;
    const { manifest, release } = facts;
    for (const { role, size } of manifest.files) {
      const stat = statOfOurs(join(folder, FILE_ROLES[role].name));
      if (!stat?.isFile() || stat.size !== size) return undefined;
    }
    const weightsPath = join(folder, FILE_ROLES[weightsOf(manifest).role].name);
    const item = { id, manifest, release, folder, weightsPath, addedAt: Date.now() };
    this.#items.set(id, item); // Whether the database can be written or not.
    const { db } = this.parts;
    db.unsynced(() =>
      db.run('INSERT INTO library (id, added_at) VALUES (?, ?) ON CONFLICT DO NOTHING', id, item.addedAt),
    );
    const addedAt = Number(this.parts.db.get('SELECT added_at FROM library WHERE id = ?', id)?.['added_at']);
    const dated = { ...item, addedAt };
    this.#items.set(id, dated);
    return dated;
  }

  async #move(folder: string, target: string): Promise<void> {
    await makeFolder(this.parts.paths.area('library'));
    await rename(folder, target);
    await syncFolder(join(target, '..'));
    await syncFolder(join(folder, '..'));
  }
}

function takenAway(target: string): LoraSwarmError {
  return new LoraSwarmError(
    'STORE_FAILED',
    `Files of ${target} were removed by somebody while it was finished. Try again: what is missing is fetched anew.`,
    { kind: 'retry' },
  );
}
