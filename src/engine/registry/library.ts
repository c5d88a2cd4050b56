import type { Event } from '../events';
import type { LibraryItem } from '../store/library';
import type { Store } from '../store/store';
import { findTarget } from './findTarget';
import { fullName } from './summary';

/** A downloaded adapter. */
export interface LibraryAdapter extends LibraryItem {
  /** `author/name`, or the start of the id when the release got lost. */
  readonly name: string;
  /** The key that signed the release, hex. */
  readonly authorKeys: readonly string[];
}

/** What was downloaded and verified here. */
export class Library {
  readonly onDidChange: Event<{ readonly id: string }>;

  constructor(private readonly store: Store) {
    this.onDidChange = store.library.onDidChange;
  }

  /** Newest first. */
  list(): LibraryAdapter[] {
    return this.store.library.list().map(view);
  }

  get(id: string): LibraryAdapter | undefined {
    const item = this.store.library.get(id);
    return item && view(item);
  }

  /** @throws {LoraSwarmError} `ID_UNKNOWN`, `ID_AMBIGUOUS` */
  find(target: string): LibraryAdapter {
    return findTarget(target, this.list());
  }

  /** All packages together. */
  get bytes(): number {
    return this.store.library.list().reduce((sum, { manifest }) => sum + manifest.size, 0);
  }

  /** Removes the files. Models made of them stay. @returns the bytes that came free, 0 when it was not here. */
  async remove(id: string): Promise<number> {
    const item = this.store.library.get(id);
    return item && (await this.store.library.remove(id)) ? item.manifest.size : 0;
  }
}

function view(item: LibraryItem): LibraryAdapter {
  const { release } = item;
  return {
    ...item,
    name: release ? fullName(release.release) : item.id.slice(0, 8),
    authorKeys: release ? [Buffer.from(release.authorKey).toString('hex')] : [],
  };
}
