// A strict reader of small JSON that strangers wrote. `JSON.parse` takes the last of two equal keys, hides where a value
// stood, and puts `__proto__` to work; this one refuses, tells, and does not.

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** Keys in file order, which is what Python programs see. */
export type JsonObject = ReadonlyMap<string, JsonValue>;

export interface JsonLimits {
  /** How deep objects and arrays may nest; the outermost one is 1. */
  readonly depth: number;
  /** Members of one object, items of one array. */
  readonly members: number;
  /** Characters of one string, escapes included. */
  readonly string: number;
  /** Refuses `1.0` and `1e3` where only counts and offsets can stand. */
  readonly integersOnly?: boolean;
}

/** Where a string value stands: its keys and indexes from the root, and its characters in the text, quotes included. */
export interface JsonString {
  readonly path: readonly (string | number)[];
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** Why a text was refused. Callers turn it into their own error. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
}

/**
 * Parses one JSON value. Equal keys, numbers that are not finite and lone surrogates are refused.
 *
 * @throws {JsonError}
 */
export function parseJson(text: string, limits: JsonLimits, onString?: (found: JsonString) => void): JsonValue {
  const parser = new Parser(text, limits, onString);
  return parser.parse();
}

const LONE_SURROGATE = /\p{Surrogate}/u;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const INTEGER = /(?:0|[1-9]\d*)(?![\d.eE])/y;

class Parser {
  #at = 0;
  readonly #path: (string | number)[] = [];

  constructor(
    private readonly text: string,
    private readonly limits: JsonLimits,
    private readonly onString: ((found: JsonString) => void) | undefined,
  ) {}

  parse(): JsonValue {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.text.length) this.#fail('something follows the value');
    return value;
  }

  #value(depth: number): JsonValue {
    this.#space();
    switch (this.text[this.#at]) {
      case '{':
        return this.#object(depth + 1);
      case '[':
        return this.#array(depth + 1);
      case '"': {
        const start = this.#at;
        const value = this.#string();
        this.onString?.({ path: [...this.#path], value, start, end: this.#at });
        return value;
      }
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonObject {
    if (depth > this.limits.depth) this.#fail(`it is nested deeper than ${this.limits.depth}`);
    const members = new Map<string, JsonValue>();
    this.#at++;
    this.#space();
    if (this.#take('}')) return members;
    do {
      this.#space();
      if (this.text[this.#at] !== '"') this.#fail('a key is missing');
      const key = this.#string();
      if (members.has(key)) this.#fail('a key stands there twice');
      if (members.size >= this.limits.members) this.#fail(`an object has more than ${this.limits.members} members`);
      this.#space();
      if (!this.#take(':')) this.#fail('a colon is missing');
      this.#path.push(key);
      members.set(key, this.#value(depth));
      this.#path.pop();
      this.#space();
    } while (this.#take(','));
    if (!this.#take('}')) this.#fail('an object does not end');
    return members;
  }

  #array(depth: number): readonly JsonValue[] {
    if (depth > this.limits.depth) this.#fail(`it is nested deeper than ${this.limits.depth}`);
    const items: JsonValue[] = [];
    this.#at++;
    this.#space();
    if (this.#take(']')) return items;
    do {
      if (items.length >= this.limits.members) this.#fail(`an array has more than ${this.limits.members} items`);
      this.#path.push(items.length);
      items.push(this.#value(depth));
      this.#path.pop();
      this.#space();
    } while (this.#take(','));
    if (!this.#take(']')) this.#fail('an array does not end');
    return items;
  }

  #string(): string {
    const start = this.#at++;
    let hasEscape = false;
    for (;;) {
      const code = this.text.charCodeAt(this.#at);
      if (Number.isNaN(code)) this.#fail('a string does not end');
      if (code < 0x20) this.#fail('a string holds a control character');
      if (this.#at - start > this.limits.string) this.#fail(`a string is longer than ${this.limits.string} characters`);
      this.#at++;
      if (code === 0x22) break;
      if (code === 0x5c) {
        hasEscape = true;
        this.#at++;
      }
    }
    const value = hasEscape ? this.#unescape(start) : this.text.slice(start + 1, this.#at - 1);
    if (LONE_SURROGATE.test(value)) this.#fail('a string is not valid Unicode');
    return value;
  }

  #unescape(start: number): string {
    try {
      return JSON.parse(this.text.slice(start, this.#at)) as string;
    } catch {
      return this.#fail('a string holds an unknown escape');
    }
  }

  #number(): number {
    const syntax = this.limits.integersOnly ? INTEGER : NUMBER;
    syntax.lastIndex = this.#at;
    const found = syntax.exec(this.text)?.[0];
    if (found === undefined) return this.#fail('a value is missing or not what is allowed there');
    const value = Number(found);
    if (!Number.isFinite(value) || (this.limits.integersOnly && !Number.isSafeInteger(value))) {
      this.#fail('a number is too large');
    }
    this.#at += found.length;
    return value;
  }

  #word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.#at)) this.#fail('a value is misspelt');
    this.#at += word.length;
    return value;
  }

  #space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #take(char: string): boolean {
    if (this.text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #fail(reason: string): never {
    throw new JsonError(`${reason} (at character ${this.#at})`);
  }
}
