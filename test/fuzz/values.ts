import type { Random } from './random';

// Values as JSON, and those that JSON does not have as `{"$": NAME}`: an input of a target is bytes.

/** A mebibyte of JSON takes 50 ms whatever reads it, so what is longer than this is cut. */
const MAX_TEXT = 200_000;

const SPECIAL: Readonly<Record<string, unknown>> = { NaN, Infinity, '-Infinity': -Infinity, '-0': -0, undefined };

export function encodeValue(value: unknown): Uint8Array {
  const text = JSON.stringify(value, (_key, item: unknown) => {
    const name = Object.keys(SPECIAL).find((key) => Object.is(SPECIAL[key], item));
    if (name !== undefined) return { $: name };
    return typeof item === 'bigint' ? { $: 'bigint', of: `${item}` } : item;
  });
  return Buffer.from(text.slice(0, MAX_TEXT));
}

/** As plain JSON, where bytes are all that ever comes. */
export function jsonBytes(value: unknown): Uint8Array {
  // Undefined has no JSON.
  return Buffer.from(
    JSON.stringify([value], (_key, item: unknown) => (typeof item === 'bigint' ? Number(item) : item))
      .slice(1, -1)
      .slice(0, MAX_TEXT),
  );
}

/** @returns anything, also for bytes that are no JSON. Undefined is a value as any other. */
export function decodeValue(bytes: Uint8Array): unknown {
  try {
    return revived(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch {
    return undefined;
  }
}

function revived(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(revived);
  const from = value as Readonly<Record<string, unknown>>;
  const name = from['$'];
  if (name === 'bigint') return BigInt(String(from['of']));
  if (typeof name === 'string' && Object.hasOwn(SPECIAL, name)) return SPECIAL[name];
  return Object.fromEntries(Object.entries(from).map(([key, item]) => [key, revived(item)]));
}

const NUMBERS: readonly unknown[] = [
  ...[0, -0, 1, -1, 0.5, 63, 64, 65, 100, 101, 255, 256, 1_024, 4_096, 65_535, 65_536, 1e9, 2 ** 31, 2 ** 32],
  ...[2 ** 53 - 1, 2 ** 53, 1e308, -1e308, NaN, Infinity, -Infinity, 10n, 2n ** 64n],
];

const TEXTS: readonly string[] = [
  ...['', ' ', '0', '1', '-1', 'true', 'null', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '\u0000'],
  ...['\ud800', '\u202eabc', 'a\r\nb', '\u001b[31m', '../../etc/passwd', 'C:\\Windows', '\\\\host\\share', 'file:///x'],
  ...['[x](command:y)', '$(check)', '<img src=x onerror=1>', 'a'.repeat(100), 'a'.repeat(5_000), '😀'.repeat(100)],
  ...[
    'ab'.repeat(32),
    `sha256:${'0'.repeat(64)}`,
    'x0123456789abcdef',
    'general',
    'http://127.0.0.1:1',
    '1e999',
    'NaN',
  ],
];
/** Long enough for what grows with the square of the length to show. */
const LONG: readonly string[] = [
  ' ',
  'a',
  '0',
  '-',
  '(',
  '[',
  '{"a":',
  '\t ',
  '.',
  '/',
  ':',
  ',',
  '%20',
  '\u0301',
  'a.',
];

/** Anything at all. */
export function anyValue(random: Random, depth = 0): unknown {
  switch (random.below(depth > 3 ? 5 : 8)) {
    case 0:
      return random.pick(NUMBERS);
    case 1:
    case 2:
      return anyText(random);
    case 3:
      return random.pick([null, undefined, true, false]);
    case 4:
      return random.pick<unknown>([[], {}, [[]], [{}], { length: 5 }, { toString: 1 }, { then: 1 }]);
    case 5:
      return Array.from({ length: random.below(5) }, () => anyValue(random, depth + 1));
    case 6:
      return Array.from({ length: random.pick([17, 65, 101, 300]) }, () => random.pick(TEXTS));
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(5) }, () => [anyText(random), anyValue(random, depth + 1)]),
      );
  }
}

export function anyText(random: Random): string {
  if (!random.isOneIn(24)) return random.pick(TEXTS);
  const unit = random.pick(LONG);
  return unit.repeat(Math.ceil(random.pick([1_000, 60_000]) / unit.length)) + random.pick(['', '!', '\n', 'x']);
}

/** The same value with one or two parts that are gone, others, or more. */
export function mutatedValue(value: unknown, random: Random): unknown {
  if (random.isOneIn(4) || typeof value !== 'object' || value === null) {
    if (typeof value === 'string' && random.isOneIn(2)) return mutatedText(value, random);
    return anyValue(random);
  }
  if (Array.isArray(value)) return mutatedList(value as unknown[], random);
  const entries = Object.entries(value);
  if (entries.length === 0) return { [anyText(random)]: anyValue(random) };
  const at = random.below(entries.length);
  const [key, item] = entries[at]!;
  switch (random.below(5)) {
    case 0:
      entries.splice(at, 1);
      break;
    case 1:
      entries.push([random.pick(['__proto__', 'constructor', ...entries.map(([name]) => name)]), anyValue(random)]);
      break;
    default:
      entries[at] = [key, mutatedValue(item, random)];
  }
  return Object.fromEntries(entries);
}

function mutatedList(list: readonly unknown[], random: Random): unknown[] {
  const at = random.below(Math.max(1, list.length));
  switch (random.below(5)) {
    case 0:
      return list.filter((_, i) => i !== at);
    case 1:
      return [...list, anyValue(random)];
    case 2:
      return Array.from({ length: random.pick([16, 17, 100, 1_000]) }, () => list[at]);
    default:
      return list.map((item, i) => (i === at ? mutatedValue(item, random) : item));
  }
}

const LETTERS: readonly string[] = [
  ...['a', 'A', '0', '9', '-', '_', '/', ' ', '\\', '?', '&', '=', '%', '#', ':', '.', '\n', '\u0000', '\u200b'],
  ...['😀', '\ud800', 'İ'],
];

/** The same text with a letter gone, another, twice, or much more. */
export function mutatedText(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  switch (random.below(7)) {
    case 0:
      return text.slice(0, at) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + random.pick(LETTERS) + text.slice(at);
    case 2:
      return text.slice(0, at);
    case 3:
      return text.slice(0, at) + random.pick(LETTERS.slice(0, 8)) + text.slice(at + 1);
    case 4:
      return text + text;
    case 5:
      return random.isOneIn(2) ? text.toLowerCase() : text.toUpperCase();
    default:
      return text.slice(0, at) + anyText(random) + text.slice(at);
  }
}
