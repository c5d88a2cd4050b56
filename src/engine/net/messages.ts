import c, { type Encoder, type State } from 'compact-encoding';
import { LoraSwarmError } from '../errors';
import {
  MAX_CONTROL_BYTES,
  MAX_HELLO_BYTES,
  MAX_PAGE_ENTRIES,
  MAX_PEER_ENTRIES,
  MAX_PEER_NAME_BYTES,
  MAX_RELEASE_BYTES,
} from '../limits';

const MAX_FEATURES = 16;
const MAX_REMOVED_MEMBERS = 256;

/** Version of the room protocol that this code speaks. A peer of another version is answered in the lower of both. */
export const PROTOCOL_VERSION = 1;

/** First message of a room channel, both ways, after membership was proved. Bytes behind the known fields are ignored. */
export interface Hello {
  readonly version: number;
  /** Names of later features that the sender understands. Unknown ones are ignored. */
  readonly features: readonly string[];
  /** What the sender calls itself. Free text of a stranger. */
  readonly name: string;
  /** The sender's own catalog of this room: a random number for each start, and how many changes it had. */
  readonly epoch: number;
  readonly seq: number;
  /** How far the sender knows the receiver's catalog; epoch 0 for not at all. */
  readonly seenEpoch: number;
  readonly seenSeq: number;
  /** Shows who owns a private room: the secret is a hash over this key and nonce. */
  readonly owner?: { readonly key: Uint8Array; readonly nonce: Uint8Array };
}

/** One signed release on the wire; see `openRelease`. */
export interface WireRelease {
  readonly authorKey: Uint8Array;
  readonly signature: Uint8Array;
  readonly payload: Uint8Array;
}

/** One page of the sender's whole catalog. The pages of a snapshot come in order, from `isFirst` to `isLast`. */
export interface CatalogPage {
  readonly epoch: number;
  readonly seq: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
  readonly add: readonly WireRelease[];
}

/** One change of the sender's catalog. `seq` is one more than that of the change before, else the receiver asks again. */
export interface CatalogDelta {
  readonly epoch: number;
  readonly seq: number;
  readonly add: readonly WireRelease[];
  /** Content ids, 32 bytes each. */
  readonly remove: readonly Uint8Array[];
}

/** The owner gave the room a new secret. Everyone who holds it can show it to members that were away. */
export interface Rekey {
  readonly ownerKey: Uint8Array;
  readonly oldNonce: Uint8Array;
  readonly newNonce: Uint8Array;
  /** Keys that are members no more. */
  readonly removed: readonly Uint8Array[];
  /** Ed25519 by the owner over `rekeyPayload`. */
  readonly signature: Uint8Array;
}

export const hello: Encoder<Hello> = {
  preencode(state, m) {
    c.uint.preencode(state, m.version);
    c.uint.preencode(state, m.features.length);
    for (const feature of m.features) c.string.preencode(state, feature);
    c.string.preencode(state, m.name);
    for (const number of [m.epoch, m.seq, m.seenEpoch, m.seenSeq]) c.uint.preencode(state, number);
    c.uint.preencode(state, m.owner ? 1 : 0);
    if (m.owner) state.end += 64;
  },
  encode(state, m) {
    c.uint.encode(state, m.version);
    c.uint.encode(state, m.features.length);
    for (const feature of m.features) c.string.encode(state, feature);
    c.string.encode(state, m.name);
    for (const number of [m.epoch, m.seq, m.seenEpoch, m.seenSeq]) c.uint.encode(state, number);
    c.uint.encode(state, m.owner ? 1 : 0);
    if (m.owner) {
      c.fixed32.encode(state, m.owner.key);
      c.fixed32.encode(state, m.owner.nonce);
    }
  },
  decode(state) {
    checkLength(state, MAX_HELLO_BYTES, 'hello');
    const version = c.uint.decode(state);
    const features = decodeList(state, MAX_FEATURES, () => decodeText(state, 32));
    const name = decodeText(state, MAX_PEER_NAME_BYTES);
    const [epoch, seq, seenEpoch, seenSeq] = [
      decodeCount(state),
      decodeCount(state),
      decodeCount(state),
      decodeCount(state),
    ];
    const flags = c.uint.decode(state);
    const owner =
      (flags & 1) !== 0 ? { key: copy(c.fixed32.decode(state)), nonce: copy(c.fixed32.decode(state)) } : undefined;
    state.start = state.end; // Later fields stand here.
    return { version, features, name, epoch, seq, seenEpoch, seenSeq, ...(owner ? { owner } : {}) };
  },
};

export const wireRelease = {
  preencode(state: State, m: WireRelease): void {
    state.end += 96;
    c.buffer.preencode(state, m.payload);
  },
  encode(state: State, m: WireRelease): void {
    c.fixed32.encode(state, m.authorKey);
    c.fixed64.encode(state, m.signature);
    c.buffer.encode(state, m.payload);
  },
  decode(state: State): WireRelease {
    const authorKey = copy(c.fixed32.decode(state));
    const signature = copy(c.fixed64.decode(state));
    const payload = decodeBytes(state, MAX_RELEASE_BYTES, 'release size');
    return { authorKey, signature, payload };
  },
};

/** Bytes that an entry takes in a page. */
export const wireSize = (m: WireRelease): number => 96 + 5 + m.payload.byteLength;

export const catalogPage: Encoder<CatalogPage> = {
  preencode(state, m) {
    c.uint.preencode(state, m.epoch);
    c.uint.preencode(state, m.seq);
    c.uint.preencode(state, 3);
    c.uint.preencode(state, m.add.length);
    for (const entry of m.add) wireRelease.preencode(state, entry);
  },
  encode(state, m) {
    c.uint.encode(state, m.epoch);
    c.uint.encode(state, m.seq);
    c.uint.encode(state, (m.isFirst ? 1 : 0) | (m.isLast ? 2 : 0));
    c.uint.encode(state, m.add.length);
    for (const entry of m.add) wireRelease.encode(state, entry);
  },
  decode(state) {
    checkLength(state, MAX_CONTROL_BYTES, 'catalog page');
    const epoch = decodeCount(state);
    const seq = decodeCount(state);
    const flags = c.uint.decode(state);
    const add = decodeList(state, MAX_PAGE_ENTRIES, () => wireRelease.decode(state));
    return { epoch, seq, isFirst: (flags & 1) !== 0, isLast: (flags & 2) !== 0, add };
  },
};

export const catalogDelta: Encoder<CatalogDelta> = {
  preencode(state, m) {
    c.uint.preencode(state, m.epoch);
    c.uint.preencode(state, m.seq);
    c.uint.preencode(state, m.add.length);
    for (const entry of m.add) wireRelease.preencode(state, entry);
    c.uint.preencode(state, m.remove.length);
    state.end += 32 * m.remove.length;
  },
  encode(state, m) {
    c.uint.encode(state, m.epoch);
    c.uint.encode(state, m.seq);
    c.uint.encode(state, m.add.length);
    for (const entry of m.add) wireRelease.encode(state, entry);
    c.uint.encode(state, m.remove.length);
    for (const id of m.remove) c.fixed32.encode(state, id);
  },
  decode(state) {
    checkLength(state, MAX_CONTROL_BYTES, 'catalog change');
    const epoch = decodeCount(state);
    const seq = decodeCount(state);
    const add = decodeList(state, MAX_PAGE_ENTRIES, () => wireRelease.decode(state));
    const remove = decodeList(state, MAX_PEER_ENTRIES, () => copy(c.fixed32.decode(state)));
    return { epoch, seq, add, remove };
  },
};

export const rekey: Encoder<Rekey> = {
  preencode(state, m) {
    state.end += 96 + 64 + 32 * m.removed.length;
    c.uint.preencode(state, m.removed.length);
  },
  encode(state, m) {
    c.fixed32.encode(state, m.ownerKey);
    c.fixed32.encode(state, m.oldNonce);
    c.fixed32.encode(state, m.newNonce);
    c.uint.encode(state, m.removed.length);
    for (const key of m.removed) c.fixed32.encode(state, key);
    c.fixed64.encode(state, m.signature);
  },
  decode(state) {
    checkLength(state, MAX_CONTROL_BYTES, 'rekey');
    const [ownerKey, oldNonce, newNonce] = [
      c.fixed32.decode(state),
      c.fixed32.decode(state),
      c.fixed32.decode(state),
    ].map(copy);
    const removed = decodeList(state, MAX_REMOVED_MEMBERS, () => copy(c.fixed32.decode(state)));
    const signature = copy(c.fixed64.decode(state));
    return { ownerKey: ownerKey!, oldNonce: oldNonce!, newNonce: newNonce!, removed, signature };
  },
};

/** A message without content. */
export const empty: Encoder<null> = {
  preencode: () => undefined,
  encode: () => undefined,
  decode: (state) => {
    state.start = state.end;
    return null;
  },
};

/** The proof that answers a proof: 32 bytes, empty from the side that asked. */
export const proofHandshake: Encoder<Uint8Array> = {
  preencode: (state, m) => c.buffer.preencode(state, m),
  encode: (state, m) => c.buffer.encode(state, m),
  decode(state) {
    return decodeBytes(state, 64, 'proof size');
  },
};

/** Reads a list whose declared length is checked before anything is allocated. */
export function decodeList<T>(state: State, limit: number, decode: () => T): T[] {
  const count = c.uint.decode(state);
  if (count > limit) throw invalid('list length');
  const list: T[] = [];
  for (let i = 0; i < count; i++) list.push(decode());
  return list;
}

function decodeText(state: State, limit: number): string {
  return decodeBytes(state, limit, 'text length').toString('utf8');
}

/** A copy: what a peer sent may be a view of the live receive buffer. An empty byte string decodes to null. */
function decodeBytes(state: State, limit: number, what: string): Buffer {
  const bytes = c.buffer.decode(state) as Uint8Array | null;
  if (bytes && bytes.byteLength > limit) throw invalid(what);
  return copy(bytes ?? new Uint8Array(0));
}

export function decodeCount(state: State): number {
  const value = c.uint.decode(state);
  if (!Number.isSafeInteger(value)) throw invalid('number');
  return value;
}

export function checkLength(state: State, limit: number, what: string): void {
  if (state.end - state.start > limit) throw invalid(`${what} size`);
}

export function copy(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes);
}

function invalid(what: string): LoraSwarmError {
  return new LoraSwarmError('MESSAGE_INVALID', `A peer sent a message that breaks the protocol (${what}).`);
}
