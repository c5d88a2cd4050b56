import { MAX_LIST_LIMIT, type AdapterEntry } from '../src/shared/panelProtocol';

/** Pages kept: some screens up and down. More are asked for again when the user comes back to them. */
const MAX_PAGES = 8;

/** The parts of a long list that are here. The rest stays in the engine until somebody scrolls there. */
export class EntryPages {
  readonly #pages = new Map<number, readonly AdapterEntry[]>();
  readonly #asked = new Set<number>();

  get(index: number): AdapterEntry | undefined {
    return this.#pages.get(Math.floor(index / MAX_LIST_LIMIT))?.[index % MAX_LIST_LIMIT];
  }

  /** Offsets that have to be asked for to show these rows. Each is given once, until it has come. */
  missing(first: number, last: number): number[] {
    const offsets = [];
    for (const page of pagesOf(first, last)) {
      if (this.#pages.has(page) || this.#asked.has(page)) continue;
      this.#asked.add(page);
      offsets.push(page * MAX_LIST_LIMIT);
    }
    return offsets;
  }

  put(offset: number, entries: readonly AdapterEntry[], near: number): void {
    const page = Math.floor(offset / MAX_LIST_LIMIT);
    this.#asked.delete(page);
    this.#pages.set(page, entries);
    if (this.#pages.size <= MAX_PAGES) return;
    const here = Math.floor(near / MAX_LIST_LIMIT);
    const farthest = [...this.#pages.keys()].sort((a, b) => Math.abs(b - here) - Math.abs(a - here))[0];
    if (farthest !== undefined) this.#pages.delete(farthest);
  }

  /** Offsets to ask for again after the catalog changed: what is in sight. The old rows stay until the new ones come. */
  refresh(first: number, last: number): number[] {
    const inSight = new Set(pagesOf(first, last));
    for (const page of [...this.#pages.keys()]) if (!inSight.has(page)) this.#pages.delete(page);
    this.#asked.clear();
    for (const page of inSight) this.#asked.add(page);
    return [...inSight].map((page) => page * MAX_LIST_LIMIT);
  }

  /** An answer will not come: it may be asked for again. */
  forgetAsked(): void {
    this.#asked.clear();
  }

  clear(): void {
    this.#pages.clear();
    this.#asked.clear();
  }
}

function pagesOf(first: number, last: number): number[] {
  const pages = [];
  for (let page = Math.floor(first / MAX_LIST_LIMIT); page * MAX_LIST_LIMIT < Math.max(last, first + 1); page++)
    pages.push(page);
  return pages;
}
