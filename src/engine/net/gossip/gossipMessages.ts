import c, { type Encoder, type State } from 'compact-encoding';
import { LoraSwarmError } from '../../errors';
import { MAX_CONTROL_BYTES, MAX_GOSSIP_NAMES, MAX_GOSSIP_PARTS, MAX_LIST_PARTS, MAX_PART_ENTRIES } from '../../limits';
import { checkLength, copy, decodeCount, decodeList, wireRelease } from '../messages';
import type { Rumour, RumourName } from './rumour';

/** What the sender has heard, without the words. */
export interface Heard {
  readonly names: readonly RumourName[];
}

/** The sender asks for the words. Who has a later list of that origin tells that one. */
export interface TellMe {
  readonly wanted: readonly Pick<RumourName, 'origin' | 'part'>[];
}

export interface Rumours {
  readonly rumours: readonly Rumour[];
}

/** One of them, as a link hands it on. */
export type GossipMessage =
  | ({ readonly kind: 'heard' } & Heard)
  | ({ readonly kind: 'tellMe' } & TellMe)
  | ({ readonly kind: 'rumours' } & Rumours);

const name = {
  preencode(state: State, m: RumourName): void {
    state.end += 32;
    for (const number of [m.seq, m.part, m.parts]) c.uint.preencode(state, number);
  },
  encode(state: State, m: RumourName): void {
    c.fixed32.encode(state, m.origin);
    for (const number of [m.seq, m.part, m.parts]) c.uint.encode(state, number);
  },
  decode(state: State): RumourName {
    const origin = copy(c.fixed32.decode(state));
    const [seq, part, parts] = [decodeCount(state), decodeCount(state), decodeCount(state)];
    if (parts < 1 || parts > MAX_LIST_PARTS || part >= parts) throw invalid('part of a list');
    return { origin, seq, part, parts };
  },
};

const rumour = {
  preencode(state: State, m: Rumour): void {
    name.preencode(state, m);
    c.uint.preencode(state, m.entries.length);
    for (const entry of m.entries) wireRelease.preencode(state, entry);
    state.end += 64;
  },
  encode(state: State, m: Rumour): void {
    name.encode(state, m);
    c.uint.encode(state, m.entries.length);
    for (const entry of m.entries) wireRelease.encode(state, entry);
    c.fixed64.encode(state, m.signature);
  },
  decode(state: State): Rumour {
    const named = name.decode(state);
    const entries = decodeList(state, MAX_PART_ENTRIES, () => wireRelease.decode(state));
    return { ...named, entries, signature: copy(c.fixed64.decode(state)) };
  },
};

export const heard: Encoder<Heard> = listOf(MAX_GOSSIP_NAMES, name, 'names', 'names of rumours');

export const rumours: Encoder<Rumours> = listOf(MAX_GOSSIP_PARTS, rumour, 'rumours', 'rumours');

export const tellMe: Encoder<TellMe> = listOf(
  MAX_GOSSIP_PARTS,
  {
    preencode(state: State, m: TellMe['wanted'][number]): void {
      state.end += 32;
      c.uint.preencode(state, m.part);
    },
    encode(state: State, m: TellMe['wanted'][number]): void {
      c.fixed32.encode(state, m.origin);
      c.uint.encode(state, m.part);
    },
    decode(state: State): TellMe['wanted'][number] {
      const origin = copy(c.fixed32.decode(state));
      const part = decodeCount(state);
      if (part >= MAX_LIST_PARTS) throw invalid('part of a list');
      return { origin, part };
    },
  },
  'wanted',
  'question',
);

/** A message that is one list. */
function listOf<K extends string, T>(limit: number, item: Encoder<T>, key: K, what: string) {
  type Message = { readonly [key in K]: readonly T[] };
  return {
    preencode(state: State, m: Message): void {
      c.uint.preencode(state, m[key].length);
      for (const each of m[key]) item.preencode(state, each);
    },
    encode(state: State, m: Message): void {
      c.uint.encode(state, m[key].length);
      for (const each of m[key]) item.encode(state, each);
    },
    decode(state: State): Message {
      checkLength(state, MAX_CONTROL_BYTES, what);
      return { [key]: decodeList(state, limit, () => item.decode(state)) } as unknown as Message;
    },
  };
}

function invalid(what: string): LoraSwarmError {
  return new LoraSwarmError('MESSAGE_INVALID', `A peer sent a message that breaks the protocol (${what}).`);
}
