import c, { type Encoder } from 'compact-encoding';
import { LoraSwarmError } from '../../errors';
import { MAX_STATEMENT_BYTES } from './statement';

/** Statements of one message; also together at most `MAX_MESSAGE_BYTES`. */
const MAX_MESSAGE_STATEMENTS = 200;
const MAX_MESSAGE_BYTES = 65_536;

/** Who made the room, and which statements the sender has. */
export interface MembersMessage {
  /** Key of the creator, 32 bytes. */
  readonly creator: Buffer;
  /** First nonce of the room, 32 bytes. */
  readonly nonce: Buffer;
  /** Nonce of the epoch whose secret was proved on this channel; absent for the first one. */
  readonly epochNonce?: Buffer;
  /** `RoomLog.digest`. */
  readonly digest: Buffer;
}

export const membersMessage: Encoder<MembersMessage> = {
  preencode(state, m) {
    state.end += 96 + (m.epochNonce ? 32 : 0);
    c.uint.preencode(state, 1);
  },
  encode(state, m) {
    c.fixed32.encode(state, m.creator);
    c.fixed32.encode(state, m.nonce);
    c.fixed32.encode(state, m.digest);
    c.uint.encode(state, m.epochNonce ? 1 : 0);
    if (m.epochNonce) c.fixed32.encode(state, m.epochNonce);
  },
  decode(state) {
    if (state.end - state.start > 1_024) throw invalid('members size');
    const take = (): Buffer => Buffer.from(c.fixed32.decode(state));
    const [creator, nonce, digest] = [take(), take(), take()];
    const flags = c.uint.decode(state);
    const epochNonce = (flags & 1) !== 0 ? take() : undefined;
    state.start = state.end; // Later fields stand here.
    return { creator, nonce, digest, ...(epochNonce ? { epochNonce } : {}) };
  },
};

/** Signed bytes as `openStatement` reads them, each on its own. */
export const memberStatements: Encoder<readonly Uint8Array[]> = {
  preencode(state, list) {
    c.uint.preencode(state, list.length);
    for (const bytes of list) c.buffer.preencode(state, bytes);
  },
  encode(state, list) {
    c.uint.encode(state, list.length);
    for (const bytes of list) c.buffer.encode(state, bytes);
  },
  decode(state) {
    if (state.end - state.start > MAX_MESSAGE_BYTES) throw invalid('statements size');
    const count = c.uint.decode(state);
    if (count > MAX_MESSAGE_STATEMENTS) throw invalid('number of statements');
    const list: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const bytes = c.buffer.decode(state) as Uint8Array | null;
      if (!bytes || bytes.byteLength > MAX_STATEMENT_BYTES) throw invalid('statement size');
      list.push(Buffer.from(bytes)); // A copy: it may be a view of the live receive buffer.
    }
    state.start = state.end; // Later fields stand here.
    return list;
  },
};

/** Cuts a list into messages. */
export function pagesOf(list: readonly Uint8Array[]): Uint8Array[][] {
  const pages: Uint8Array[][] = [];
  let room = 0;
  for (const bytes of list) {
    const size = bytes.byteLength + 5;
    const page = pages.at(-1);
    if (page && page.length < MAX_MESSAGE_STATEMENTS && room >= size) page.push(bytes);
    else {
      pages.push([bytes]);
      room = MAX_MESSAGE_BYTES - 16;
    }
    room -= size;
  }
  return pages;
}

function invalid(what: string): LoraSwarmError {
  return new LoraSwarmError('MESSAGE_INVALID', `A peer sent a message that breaks the protocol (${what}).`);
}
