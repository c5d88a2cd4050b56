/** A seeded source of numbers, so that a failing mutation can be run again. */
export function seeded(seed: number): (below: number) => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** One damaged copy: flipped bytes, interesting numbers, moved or cut pieces. Only the first `reach` bytes are hit. */
export function mutated(bytes: Uint8Array, reach: number, random: (below: number) => number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const limit = Math.min(reach, copy.length);
  for (let count = 1 + random(3); count > 0; count--) {
    const at = random(limit);
    switch (random(6)) {
      case 0:
        copy[at]! ^= 1 << random(8);
        break;
      case 1:
        copy[at] = [0, 1, 0x22, 0x2d, 0x30, 0x7b, 0x7d, 0x7f, 0x80, 0xff][random(10)]!;
        break;
      case 2:
        copy.fill([0, 0xff][random(2)]!, at, Math.min(limit, at + 1 + random(8)));
        break;
      case 3:
        copy.copyWithin(at, random(limit), Math.min(limit, at + 1 + random(32)));
        break;
      case 4:
        return copy.subarray(0, random(copy.length));
      default:
        copy[at] = 0x30 + random(10);
    }
  }
  return copy;
}
