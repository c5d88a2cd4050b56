export interface CatalogChange {
  readonly room: string;
  /** Content ids that were not in this room before, and those that are no more. Both empty when only sources changed. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Sums up what one step did to the rooms: what came and went again in it is no change. */
export class CatalogChanges {
  readonly #rooms = new Map<string, { readonly added: Set<string>; readonly removed: Set<string> }>();

  get isEmpty(): boolean {
    return this.#rooms.size === 0;
  }

  /** Sources or words changed. */
  touch(room: string): { readonly added: Set<string>; readonly removed: Set<string> } {
    let entry = this.#rooms.get(room);
    if (!entry) this.#rooms.set(room, (entry = { added: new Set(), removed: new Set() }));
    return entry;
  }

  add(room: string, id: string): void {
    const { added, removed } = this.touch(room);
    if (!removed.delete(id)) added.add(id);
  }

  remove(room: string, id: string): void {
    const { added, removed } = this.touch(room);
    if (!added.delete(id)) removed.add(id);
  }

  list(): CatalogChange[] {
    return [...this.#rooms].map(([room, { added, removed }]) => ({ room, added: [...added], removed: [...removed] }));
  }
}
