import { randomBytes } from 'node:crypto';
import { realpath, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { storageError } from '../errors';
import { silentLog, type Logger } from '../log';
import { ChunkIndex } from './chunkIndex';
import { openDatabase } from './database';
import { isMissing, makeFolder, removeFolder } from './files';
import { FollowingHashes } from './followingHash';
import { HandleCache } from './handles';
import { DownloadJournal } from './journal';
import { LibraryStore } from './library';
import { MadeModelStore } from './madeModels';
import { OpenPartials } from './openPartials';
import { StorePaths } from './paths';
import { recover } from './recover';
import { QuickSumsCache } from './quickSumsCache';
import { ReleaseNumbers } from './releaseNumbers';
import { RoomStore } from './roomStore';
import { SettingsStore } from './settingsStore';
import { SharedStore } from './sharedStore';
import type { Database } from './sqlite';
import { StatementStore } from './statementStore';
import { StruckStore } from './struckStore';
import { WantedStore } from './wantedStore';

/** Everything that one storage folder holds. One process at a time opens it. */
export class Store {
  readonly settings: SettingsStore;
  readonly rooms: RoomStore;
  readonly madeModels: MadeModelStore;
  readonly journal: DownloadJournal;
  readonly wanted: WantedStore;
  readonly struck: StruckStore;
  readonly library: LibraryStore;
  readonly shared: SharedStore;
  readonly releaseNumbers: ReleaseNumbers;
  readonly statements: StatementStore;
  readonly chunks = new ChunkIndex(this);
  readonly partials = new OpenPartials();
  readonly handles = new HandleCache();
  readonly quickSums = new QuickSumsCache();
  readonly followingHashes = new FollowingHashes();

  private constructor(
    readonly paths: StorePaths,
    readonly db: Database,
  ) {
    this.settings = new SettingsStore(db);
    this.rooms = new RoomStore(db);
    this.madeModels = new MadeModelStore(db);
    this.journal = new DownloadJournal(db);
    this.wanted = new WantedStore(db);
    this.struck = new StruckStore(db);
    this.library = new LibraryStore({ db, paths, throwAway: (folder) => this.throwAway(folder) });
    this.shared = new SharedStore(db, paths);
    const keptAuthors = (): ReadonlySet<string> =>
      new Set(
        [...this.library.list(), ...this.shared.list()].flatMap(({ release }) =>
          release ? [Buffer.from(release.authorKey).toString('hex')] : [],
        ),
      );
    this.releaseNumbers = new ReleaseNumbers({ db, keptAuthors });
    this.statements = new StatementStore(db, keptAuthors);
  }

  /**
   * Opens the storage folder and sets right what a crash left.
   *
   * @param home absolute. Made for its owner only when it is not there.
   * @throws {LoraSwarmError} as `openDatabase` does, and all of `storageError`.
   */
  static async open(home: string, { log = silentLog }: { readonly log?: Logger } = {}): Promise<Store> {
    let db: Database | undefined;
    try {
      const there = await realpath(home).catch((error: unknown) =>
        isMissing(error) ? undefined : Promise.reject(error as Error),
      );
      if (there === undefined) await makeFolder(home);
      const paths = new StorePaths(there ?? (await realpath(home)));
      db = openDatabase(paths.database);
      const store = new Store(paths, db);
      await recover(store, log);
      return store;
    } catch (error) {
      db?.close();
      throw storageError(error, home);
    }
  }

  /** A fresh path for something that is built and then moved to its place. */
  temporaryPath(): string {
    return join(this.paths.temporary, randomBytes(8).toString('hex'));
  }

  /** Makes a folder vanish at once, then removes what was in it. */
  async throwAway(folder: string): Promise<void> {
    await this.handles.closeBelow(folder);
    const gone = this.temporaryPath();
    try {
      await makeFolder(this.paths.temporary); // Somebody may have cleaned up.
      await rename(folder, gone);
    } catch (error) {
      if (isMissing(error)) return;
      throw storageError(error, folder);
    }
    await removeFolder(gone);
  }

  /** Saves and closes downloads that are open, then all the rest. */
  async close(): Promise<void> {
    await this.partials.close();
    await this.chunks.close();
    await this.shared.close();
    await this.handles.close();
    await this.followingHashes.close();
    this.db.close();
  }
}
