import { randomInt } from 'node:crypto';
import { Emitter } from '../events';
import { MAX_CONTROL_BYTES, MAX_PAGE_ENTRIES, MAX_PEER_ENTRIES } from '../limits';
import { releaseId, type SignedRelease } from '../release/release';
import { wireSize, type CatalogDelta, type CatalogPage, type WireRelease } from './messages';

/** Changes kept for peers that come back; who missed more gets the whole list. */
const MAX_LOG = 1_000;
/** Room for the fields around the entries. */
const PAGE_BYTES = MAX_CONTROL_BYTES - 1_024;

/** What this engine offers in one room, as a numbered row of changes. */
export class CatalogFeed {
  readonly #changed = new Emitter<CatalogDelta>();
  readonly onDidChange = this.#changed.event;
  /** Another number at each start, so that nobody mistakes this row of changes for an older one. */
  readonly epoch = randomInt(1, 2 ** 32);
  readonly #log: CatalogDelta[] = [];
  #entries = new Map<string, { readonly release: WireRelease; readonly id: string }>();
  #seq = 0;

  get seq(): number {
    return this.#seq;
  }

  /** Says what is offered now. Only differences become changes. */
  set(releases: readonly SignedRelease[]): void {
    const next = new Map(
      releases
        .slice(0, MAX_PEER_ENTRIES)
        .map((signed) => [signed.release.contentId, { release: toWire(signed), id: releaseId(signed) }]),
    );
    const added = [...next]
      .filter(([id, { id: release }]) => this.#entries.get(id)?.id !== release)
      .map(([, { release }]) => release);
    const removed = [...this.#entries.keys()].filter((id) => !next.has(id)).map((id) => Buffer.from(id, 'hex'));
    this.#entries = next;
    if (added.length === 0 && removed.length === 0) return;

    const pages = paginate(added);
    pages.forEach((add, i) => {
      const delta: CatalogDelta = { epoch: this.epoch, seq: ++this.#seq, add, remove: i === 0 ? removed : [] };
      this.#log.push(delta);
      if (this.#log.length > MAX_LOG) this.#log.shift();
      this.#changed.fire(delta);
    });
  }

  /** The changes behind `seq`, or undefined when they are not kept or belong to another start. */
  since(epoch: number, seq: number): readonly CatalogDelta[] | undefined {
    if (epoch !== this.epoch || seq > this.#seq) return undefined;
    const tail = this.#log.filter((delta) => delta.seq > seq);
    return tail.length === this.#seq - seq ? tail : undefined;
  }

  /** The whole list. At least one page, so that an empty list is told as well. */
  snapshot(): CatalogPage[] {
    const pages = paginate([...this.#entries.values()].map(({ release }) => release));
    return pages.map((add, i) => ({
      epoch: this.epoch,
      seq: this.#seq,
      isFirst: i === 0,
      isLast: i === pages.length - 1,
      add,
    }));
  }
}

/** What a peer's feed says, put together again. */
export class CatalogReader {
  epoch = 0;
  seq = 0;
  #pages: WireRelease[] | undefined;

  /** @returns the whole list when its last page came. @throws {RangeError} when it is longer than any honest one. */
  page(page: CatalogPage): readonly WireRelease[] | undefined {
    if (page.isFirst) this.#pages = [];
    if (!this.#pages) return undefined;
    this.#pages.push(...page.add);
    if (this.#pages.length > MAX_PEER_ENTRIES) throw new RangeError('a catalog longer than the limit');
    if (!page.isLast) return undefined;
    const whole = this.#pages;
    this.#pages = undefined;
    this.epoch = page.epoch;
    this.seq = page.seq;
    return whole;
  }

  /** @returns whether this is the next change. If not, the whole list has to be asked for. */
  accepts(delta: CatalogDelta): boolean {
    if (delta.epoch !== this.epoch || delta.seq !== this.seq + 1) return false;
    this.seq = delta.seq;
    return true;
  }
}

function toWire({ authorKey, signature, payload }: SignedRelease): WireRelease {
  return { authorKey, signature, payload };
}

function paginate(entries: readonly WireRelease[]): WireRelease[][] {
  const pages: WireRelease[][] = [[]];
  let bytes = 0;
  for (const entry of entries) {
    const page = pages.at(-1)!;
    const size = wireSize(entry);
    if (page.length >= MAX_PAGE_ENTRIES || bytes + size > PAGE_BYTES) {
      pages.push([entry]);
      bytes = size;
    } else {
      page.push(entry);
      bytes += size;
    }
  }
  return pages;
}
