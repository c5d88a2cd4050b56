import { readFileSync } from 'node:fs';
import path from 'node:path';

export const VECTORS = path.resolve(__dirname, '../../fixtures/protocol');

/** Reads one file of test vectors. Text that starts with `hex:` stands for bytes. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows what the file holds.
export function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(path.join(VECTORS, `${name}.json`), 'utf8'), (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith('hex:') ? Buffer.from(value.slice(4), 'hex') : value,
  ) as T;
}

/** The text of a file of vectors: what `readVectors` reads. */
export function vectorText(value: unknown): string {
  const plain = (item: unknown): unknown => {
    if (item instanceof Uint8Array) return `hex:${Buffer.from(item).toString('hex')}`;
    if (Array.isArray(item)) return item.map(plain);
    if (typeof item !== 'object' || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, plain(inner)]));
  };
  return `${JSON.stringify(plain(value), null, 2)}\n`;
}

/** Bytes of the test package: byte i is (7·i + ⌊i / 256⌋) mod 256. Large enough for two groups, without a file of that size. */
export function patternBytes(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 7 + (i >> 8)) & 0xff;
  return bytes;
}
