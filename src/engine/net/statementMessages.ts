import c, { type Encoder } from 'compact-encoding';
import { LoraSwarmError } from '../errors';

/** Statements of one message. More go into the next one. */
export const MAX_MESSAGE_STATEMENTS = 32;
/** The longest statement has 201 bytes; a later kind may have more. */
const MAX_STATEMENT_BYTES = 256;

/**
 * What authors said of their own keys: signed bytes, each on its own, passed on as they came. One that is of no known kind is
 * for later versions.
 */
export const statements: Encoder<readonly Uint8Array[]> = {
  preencode(state, list) {
    c.uint.preencode(state, list.length);
    for (const bytes of list) c.buffer.preencode(state, bytes);
  },
  encode(state, list) {
    c.uint.encode(state, list.length);
    for (const bytes of list) c.buffer.encode(state, bytes);
  },
  decode(state) {
    const count = c.uint.decode(state);
    if (count > MAX_MESSAGE_STATEMENTS) throw invalid('number of statements');
    const list: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const bytes = c.buffer.decode(state) as Uint8Array | null;
      if (!bytes?.byteLength || bytes.byteLength > MAX_STATEMENT_BYTES) throw invalid('statement size');
      list.push(Buffer.from(bytes)); // A copy: it may be a view of the live receive buffer.
    }
    state.start = state.end; // Later fields stand here.
    return list;
  },
};

function invalid(what: string): LoraSwarmError {
  return new LoraSwarmError('MESSAGE_INVALID', `A peer sent a message that breaks the protocol (${what}).`);
}
