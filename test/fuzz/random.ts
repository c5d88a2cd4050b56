/** Chance that can be had again: the same seed and number give the same choices. */
export class Random {
  #state: number;

  constructor(seed: number, number: number) {
    this.#state = mixed(mixed(seed) ^ number);
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    return mixed(this.#state) % limit;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  isOneIn(count: number): boolean {
    return this.below(count) === 0;
  }
}

/** The end of MurmurHash3: every bit of the input moves every bit of the result. */
function mixed(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
