// Module patterns of PEFT are regular expressions from a stranger's config. JavaScript's own engine can be made to run
// for years by one of them, so this matches the part of the language that is in use in time linear to the name.

/** At most this many states, so that `(a{99}){99}` stays small. */
const MAX_STATES = 2000;
const MAX_REPEAT = 100;
const MAX_DEPTH = 20;

type Matches = (char: string) => boolean;

/** One state of a nondeterministic automaton: consumes a character, tests a position, or splits for free. */
interface State {
  readonly kind: 'char' | 'start' | 'end' | 'split' | 'accept';
  readonly matches?: Matches;
  next: State[];
}

/** Part of the automaton whose ends wait to be connected. */
interface Fragment {
  readonly start: State;
  readonly ends: State[];
}

/**
 * Compiles a regular expression that must match a whole text, as Python's `re.fullmatch` does.
 *
 * Understands literals, `.`, classes, `\d \w \s`, groups, alternatives, quantifiers and anchors. Undefined for anything
 * else: look-around, back references, flags.
 */
export function compilePattern(source: string): ((text: string) => boolean) | undefined {
  try {
    const start = new Compiler(source).compile();
    return (text) => run(start, text);
  } catch (error) {
    if (error instanceof PatternError) return undefined;
    throw error;
  }
}

class PatternError extends Error {}

function run(start: State, text: string): boolean {
  let current = new Set<State>();
  follow(start, current, 0, text.length);
  for (let at = 0; at < text.length; at++) {
    const following = new Set<State>();
    for (const state of current) {
      if (state.matches?.(text[at]!)) for (const next of state.next) follow(next, following, at + 1, text.length);
    }
    current = following;
  }
  return [...current].some(({ kind }) => kind === 'accept');
}

function follow(first: State, reached: Set<State>, at: number, length: number): void {
  const pending = [first];
  for (let state = pending.pop(); state; state = pending.pop()) {
    if (reached.has(state)) continue;
    if ((state.kind === 'start' && at > 0) || (state.kind === 'end' && at < length)) continue;
    reached.add(state);
    if (state.kind !== 'char') pending.push(...state.next);
  }
}

class Compiler {
  #at = 0;
  #states = 0;
  #depth = 0;

  constructor(private readonly source: string) {}

  compile(): State {
    const whole = this.#alternatives();
    if (this.#at < this.source.length) throw new PatternError();
    connect(whole, this.#state('accept'));
    return whole.start;
  }

  #alternatives(): Fragment {
    const branches = [this.#sequence()];
    while (this.#take('|')) branches.push(this.#sequence());
    if (branches.length === 1) return branches[0]!;
    const start = this.#state('split');
    start.next = branches.map((branch) => branch.start);
    return { start, ends: branches.flatMap(({ ends }) => ends) };
  }

  #sequence(): Fragment {
    const empty = this.#state('split');
    let whole: Fragment = { start: empty, ends: [empty] };
    while (this.#at < this.source.length && !'|)'.includes(this.source[this.#at]!)) {
      const part = this.#repeated();
      connect(whole, part.start);
      whole = { start: whole.start, ends: part.ends };
    }
    return whole;
  }

  /** An atom with its quantifier. The atom is parsed again for each copy that `{m,n}` needs. */
  #repeated(): Fragment {
    const begin = this.#at;
    const first = this.#atom();
    const quantifier = this.#quantifier();
    if (!quantifier) return first;
    const after = this.#at;
    const copy = (): Fragment => {
      this.#at = begin;
      const fragment = this.#atom();
      this.#at = after;
      return fragment;
    };
    const { min, max } = quantifier;
    const start = this.#state('split');
    let whole: Fragment = { start, ends: [start] };
    const append = (part: Fragment): void => {
      connect(whole, part.start);
      whole = { start, ends: part.ends };
    };
    for (let count = 0; count < min; count++) append(count === 0 ? first : copy());
    if (max === Infinity) append(this.#star(min === 0 ? first : copy()));
    else for (let count = min; count < max; count++) append(this.#optional(count === 0 ? first : copy()));
    return whole;
  }

  #star(part: Fragment): Fragment {
    const split = this.#state('split');
    split.next = [part.start];
    connect(part, split);
    return { start: split, ends: [split] };
  }

  #optional(part: Fragment): Fragment {
    const split = this.#state('split');
    split.next = [part.start];
    return { start: split, ends: [split, ...part.ends] };
  }

  #quantifier(): { min: number; max: number } | undefined {
    const found = /^(?:([*+?])|\{(\d{0,3})(,?)(\d{0,3})\})/.exec(this.source.slice(this.#at, this.#at + 10));
    if (!found) return undefined;
    const [whole, sign, low = '', comma, high = ''] = found;
    this.#at += whole.length;
    this.#take('?'); // Lazy or not, a whole match is the same.
    if ('*+?{'.includes(this.source[this.#at] ?? ' ')) throw new PatternError();
    if (sign) return { min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Infinity };
    if (low === '' && (high === '' || !comma)) throw new PatternError(); // Python reads these braces as text.
    const min = Number(low);
    const max = comma ? (high === '' ? Infinity : Number(high)) : min;
    if (min > MAX_REPEAT || (max !== Infinity && (max > MAX_REPEAT || max < min))) throw new PatternError();
    return { min, max };
  }

  #atom(): Fragment {
    const char = this.source[this.#at++];
    switch (char) {
      case undefined:
      case '*':
      case '+':
      case '?':
      case '{':
      case ')':
        throw new PatternError();
      case '(': {
        if (this.#take('?') && !this.#take(':')) throw new PatternError();
        if (++this.#depth > MAX_DEPTH) throw new PatternError();
        const group = this.#alternatives();
        this.#depth--;
        if (!this.#take(')')) throw new PatternError();
        return group;
      }
      case '[':
        return this.#one(this.#class());
      case '.':
        return this.#one((other) => other !== '\n');
      case '^':
        return this.#test('start');
      case '$':
        return this.#test('end');
      case '\\':
        return this.#one(this.#escape());
      default:
        return this.#one((other) => other === char);
    }
  }

  #escape(): Matches {
    const char = this.source[this.#at++];
    const known: Readonly<Record<string, RegExp>> = { d: /\d/, D: /\D/, w: /\w/, W: /\W/, s: /\s/, S: /\S/ };
    if (char === undefined) throw new PatternError();
    const set = Object.hasOwn(known, char) ? known[char] : undefined;
    if (set) return (other) => set.test(other);
    if (/[A-Za-z0-9]/.test(char)) throw new PatternError();
    return (other) => other === char;
  }

  #class(): Matches {
    const isNegated = this.#take('^');
    const parts: Matches[] = [];
    do {
      const char = this.source[this.#at++];
      if (char === undefined || char === '[') throw new PatternError();
      if (char === '\\') {
        parts.push(this.#escape());
      } else if (this.source[this.#at] === '-' && !']\\'.includes(this.source[this.#at + 1] ?? ']')) {
        const last = this.source[this.#at + 1]!;
        this.#at += 2;
        parts.push((other) => other >= char && other <= last);
      } else {
        parts.push((other) => other === char);
      }
    } while (!this.#take(']'));
    return (other) => parts.some((part) => part(other)) !== isNegated;
  }

  #one(matches: Matches): Fragment {
    const state = this.#state('char', matches);
    return { start: state, ends: [state] };
  }

  #test(kind: 'start' | 'end'): Fragment {
    const state = this.#state(kind);
    return { start: state, ends: [state] };
  }

  #state(kind: State['kind'], matches?: Matches): State {
    if (++this.#states > MAX_STATES) throw new PatternError();
    return matches ? { kind, matches, next: [] } : { kind, next: [] };
  }

  #take(char: string): boolean {
    if (this.source[this.#at] !== char) return false;
    this.#at++;
    return true;
  }
}

function connect({ ends }: Fragment, next: State): void {
  for (const end of ends) end.next.push(next);
}
