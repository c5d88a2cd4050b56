import type { AdapterEntry } from '../../engine/wishes';
import type { EngineHandle } from '../engineHandle';
import type { Branch } from './branch';
import { moreBranch, offerBranches } from './roomBranches';

/** Rows that are read and drawn at once. The engine gives at most this many. */
export const PAGE_ROWS = 200;

/** What peers offer, page by page. Remembers only how far the user has paged. */
export class OfferPages {
  readonly #pages = new Map<string, number>();

  constructor(private readonly engine: Pick<EngineHandle, 'wish'>) {}

  /** One more page the next time `parent` is read. */
  more(parent: string): void {
    this.#pages.set(parent, (this.#pages.get(parent) ?? 1) + 1);
  }

  /** @param parent The row of a peer: `peer:ROOM:KEY`. */
  async read(parent: string): Promise<Branch[]> {
    const [, room = '', key = ''] = parent.split(':');
    const wanted = this.#pages.get(parent) ?? 1;
    const branches: Branch[] = [];
    let total = 0;
    for (let page = 0; page < wanted; page++) {
      const answer = await this.engine.wish('list', { room, peer: key, offset: page * PAGE_ROWS, limit: PAGE_ROWS });
      total = answer.total;
      branches.push(...offerBranches(room, key, withoutTwice(answer.adapters, branches, room, key)));
      if (branches.length >= total || answer.adapters.length === 0) break;
    }
    const left = total - branches.length;
    return left > 0 ? [...branches, moreBranch(parent, left)] : branches;
  }
}

/** A catalog that grows between two pages shifts them, and a tree refuses two rows with one id. */
function withoutTwice(
  entries: readonly AdapterEntry[],
  before: readonly Branch[],
  room: string,
  key: string,
): AdapterEntry[] {
  const known = new Set(before.map((branch) => branch.id));
  return entries.filter((entry) => !known.has(`offer:${room}:${key}:${entry.id}`));
}
