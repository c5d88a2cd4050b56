import { Emitter } from '../../src/engine/events';
import type { TransferLink } from '../../src/engine/transfer/link';
import type { SourceRank } from '../../src/engine/transfer/source';
import type { SourceSet } from '../../src/engine/transfer/sourcePool';

/** Links of one download that come and go. */
export class TestSources implements SourceSet {
  readonly #added = new Emitter<TransferLink>();
  readonly onDidAdd = this.#added.event;
  #links: TransferLink[] = [];

  constructor(...links: TransferLink[]) {
    for (const link of links) this.add(link);
  }

  /** Nearer and further ones, by key; all are equal otherwise. */
  readonly ranks = new Map<string, SourceRank>();

  current(): readonly TransferLink[] {
    return this.#links;
  }

  rankOf({ peerKey }: TransferLink): SourceRank {
    return this.ranks.get(peerKey) ?? 2;
  }

  get peers(): number {
    return new Set(this.#links.map(({ peerKey }) => peerKey)).size;
  }

  /** A peer is to be asked on another link from now on. */
  replace(before: TransferLink, link: TransferLink): void {
    this.#links = this.#links.filter((other) => other !== before);
    this.add(link);
  }

  add(link: TransferLink): void {
    this.#links.push(link);
    link.onDidClose(() => (this.#links = this.#links.filter((other) => other !== link)));
    this.#added.fire(link);
  }
}
