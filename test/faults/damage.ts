import fs from 'node:fs';
import { seededBytes } from '../helpers/packages';

/** What a disk, or somebody with an editor, does to a file. */
const DAMAGES = ['flip', 'noise', 'zero tail', 'truncate', 'empty', 'remove', 'append'] as const;

export function pickOne<T>(random: () => number, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]!;
}

/** @returns what was done, for the message of a failure. */
export function damageFile(path: string, random: () => number): string {
  const bytes = fs.readFileSync(path);
  const [from = 0, to = 0] = [random(), random()]
    .map((at) => Math.floor(at * (bytes.byteLength + 1)))
    .sort((a, b) => a - b);
  const kind = pickOne(random, DAMAGES);
  switch (kind) {
    case 'flip':
      if (bytes.byteLength > 0) bytes[from % bytes.byteLength]! ^= 1 << Math.floor(random() * 8);
      fs.writeFileSync(path, bytes);
      break;
    case 'noise':
      seededBytes(to - from, random()).copy(bytes, from);
      fs.writeFileSync(path, bytes);
      break;
    case 'zero tail':
      fs.writeFileSync(path, bytes.fill(0, from));
      break;
    case 'truncate':
      fs.truncateSync(path, from);
      break;
    case 'empty':
      fs.truncateSync(path, 0);
      break;
    case 'remove':
      fs.rmSync(path);
      break;
    case 'append':
      fs.appendFileSync(path, seededBytes(70_000, 1));
  }
  return `${kind} ${from}-${to} of ${path.split('/').at(-1)!}`;
}
