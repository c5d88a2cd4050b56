import { hasCode, storageError } from '../errors';
import type { Event } from '../events';
import type { SharedState } from '../state';
import type { SharedRecord } from '../store/sharedStore';
import type { Store } from '../store/store';
import { buildShared, type SharedFiles } from './buildShared';
import { findTarget } from './findTarget';
import { fullName } from './summary';

/** An adapter that this machine shares. */
export interface SharedAdapter extends Omit<SharedRecord, 'phase'> {
  /** `author/name`. */
  readonly name: string;
  /** The key that signed the release, hex. */
  readonly authorKeys: readonly string[];
  readonly phase: SharedState['phase'];
}

export interface AddRequest extends SharedFiles {
  /** Ids of the rooms that are to see it. */
  readonly rooms: readonly string[];
}

/** What this machine shares. Weights stay where the user has them; the rest is kept under `shared/<id>`. */
export class Registry {
  /** Something was added, removed, or changed its phase or rooms. */
  readonly onDidChange: Event<{ readonly id: string }>;

  constructor(private readonly store: Store) {
    this.onDidChange = store.shared.onDidChange;
  }

  /** In the order in which they were shared. */
  list(): SharedAdapter[] {
    return this.store.shared.list().map(view);
  }

  get(id: string): SharedAdapter | undefined {
    const record = this.store.shared.get(id);
    return record && view(record);
  }

  /**
   * Shares a hashed package, or shares one again with other words and rooms.
   *
   * @throws {LoraSwarmError} `SOURCE_CHANGED` and `SOURCE_MISSING` when the weights are not what was hashed, `STORE_FULL`
   * for a copy that has no room, and all of `storageError`.
   */
  async add({ rooms, ...files }: AddRequest): Promise<SharedAdapter> {
    const { manifest, release } = files;
    if (release.release.contentId !== manifest.id) throw new TypeError('the release is of another package');
    try {
      const built = await buildShared(this.store, files);
      const addedAt = this.store.shared.get(manifest.id)?.addedAt ?? Date.now();
      const record = {
        id: manifest.id,
        manifest,
        release,
        rooms,
        isOn: true,
        phase: 'serving',
        addedAt,
        ...built,
      } as const;
      this.store.shared.put(record);
      return view(record);
    } catch (error) {
      throw storageError(error, this.store.paths.home);
    }
  }

  /** Stops sharing. The user's files stay. @returns what was shared. */
  async remove(id: string): Promise<SharedAdapter | undefined> {
    const adapter = this.get(id);
    if (!adapter) return undefined;
    this.store.shared.remove(id);
    await this.store.throwAway(this.store.paths.package('shared', id));
    return adapter;
  }

  setRooms(id: string, rooms: readonly string[]): void {
    const record = this.store.shared.get(id);
    if (record) this.store.shared.put({ ...record, rooms });
  }

  /** Pauses or goes on without forgetting anything. */
  setOn(id: string, isOn: boolean): void {
    const record = this.store.shared.get(id);
    if (record && record.isOn !== isOn) this.store.shared.put({ ...record, isOn });
  }

  /** @throws {LoraSwarmError} `ID_UNKNOWN`, `ID_AMBIGUOUS` */
  find(target: string): SharedAdapter {
    return findTarget(target, this.list());
  }

  /**
   * Looks at size and time of every source; only one that differs is hashed. What is found changes phases, which fires.
   * Meant to be called every few seconds and before announcing.
   */
  async checkSources(): Promise<void> {
    for (const { id, isOn } of this.store.shared.list()) {
      if (!isOn) continue;
      await this.store.shared.check(id).catch((error: unknown) => {
        // The phase says it. A disk that fails for a moment is not a reason to say anything yet.
        if (!hasCode(error, 'SOURCE_CHANGED', 'SOURCE_MISSING', 'ID_UNKNOWN', 'STORE_FAILED', 'STORE_READ_ONLY'))
          throw error;
      });
    }
  }
}

function view(record: SharedRecord): SharedAdapter {
  const { release, authorKey } = record.release;
  return {
    ...record,
    name: fullName(release),
    authorKeys: [Buffer.from(authorKey).toString('hex')],
    phase: record.isOn ? record.phase : 'off',
  };
}
