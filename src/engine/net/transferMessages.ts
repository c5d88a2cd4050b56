import c, { type Encoder, type State } from 'compact-encoding';
import { LoraSwarmError } from '../errors';
import {
  CHUNK_BYTES,
  DATA_HEADER_BYTES,
  GROUP_CHUNKS,
  MAX_CONTROL_BYTES,
  MAX_FILES,
  MAX_FRAME_BYTES,
  MAX_MANIFEST_BYTES,
  MAX_PACKAGE_BYTES,
  MAX_REQUEST_CHUNKS,
} from '../limits';

/** The protomux protocol name. One channel a connection, opened by both sides; either may ask and serve. */
export const TRANSFER_PROTOCOL = 'lora-swarm/transfer/1';

/** Chunks of the largest package: the weights, and one chunk for each small file. */
export const MAX_CHUNKS = MAX_PACKAGE_BYTES / CHUNK_BYTES + MAX_FILES - 1;
export const MAX_GROUPS = Math.ceil(MAX_PACKAGE_BYTES / (CHUNK_BYTES * GROUP_CHUNKS)) + MAX_FILES - 1;
/** 4 KiB of ranges. What does not fit goes into the next message. */
export const MAX_HAVE_RANGES = 256;
/** An hour. Nobody has a reason to send a peer away for longer. */
export const MAX_RETRY_MS = 3_600_000;
const MAX_HANDLE = 0xffff_ffff;
const EMPTY = new Uint8Array();
/** `other` on the wire; the numbers between are for later reasons. */
const OTHER = 255;

/** A run of chunks: `count` of them from `first`, counted from 0 over the whole package. */
export interface ChunkRange {
  readonly first: number;
  readonly count: number;
}

/**
 * Asker: I want this package. All later messages about it carry `handle`, which the asker chooses and does not use
 * again on this connection. Each side has its own handles: the same number may stand for another package the other way
 * round. The asker may send `getManifest` at once, without waiting for the answer. Answer: `opened` or `refused`.
 */
export interface OpenMessage {
  readonly type: 'open';
  readonly handle: number;
  /** SHA-256 of the manifest, hex; 32 bytes on the wire. */
  readonly contentId: string;
}

/** Holder: ask me. */
export interface OpenedMessage {
  readonly type: 'opened';
  readonly handle: number;
  /**
   * What the holder has of it: everything (an empty byte string on the wire), or a bit for each chunk, chunk 0 the
   * lowest bit of byte 0, exactly as many bytes as the chunks need.
   */
  readonly have: 'full' | Uint8Array;
}

/** `unknown` is also the answer to who may not ask: what is shared with others is not told. */
export type RefusedReason = 'unknown' | 'busy' | 'other';

/** Holder: no. Messages that the asker had already sent with this handle are ignored. */
export interface RefusedMessage {
  readonly type: 'refused';
  readonly handle: number;
  readonly reason: RefusedReason;
  /** When to try again; 0 for never. */
  readonly retryMs: number;
}

/** Asker: send the manifest. Answer: `manifest`. */
export interface GetManifestMessage {
  readonly type: 'getManifest';
  readonly handle: number;
}

/** Holder: the manifest, byte for byte; its SHA-256 is the content id. */
export interface ManifestMessage {
  readonly type: 'manifest';
  readonly handle: number;
  readonly bytes: Uint8Array;
}

/** Asker: send the chunk hashes of a group. Answered by `hashes` before any request that came after it. */
export interface GetHashesMessage {
  readonly type: 'getHashes';
  readonly handle: number;
  readonly group: number;
}

/** Holder: the 32-byte hashes of all chunks of the group, in order. Empty when the holder has no chunk of the group. */
export interface HashesMessage {
  readonly type: 'hashes';
  readonly handle: number;
  readonly group: number;
  readonly bytes: Uint8Array;
}

/**
 * Asker: send these chunks, which lie in one group. At most 64 requests may be open. Answered by `data` messages that
 * together hold each chunk once, or by `reject`. A chunk that is asked again while its answer waits is sent once.
 */
export interface RequestMessage extends ChunkRange {
  readonly type: 'request';
  readonly handle: number;
}

/** Holder: whole chunks one after the other, from `first`. All of one file; only the last of a file is shorter. */
export interface DataMessage {
  readonly type: 'data';
  readonly handle: number;
  readonly first: number;
  /** When decoded, a view of the network buffer: use it at once or copy it. */
  readonly bytes: Uint8Array;
}

/** Asker: these chunks are not wanted any more. Not answered; `data` that was under way may still come. */
export interface CancelMessage extends ChunkRange {
  readonly type: 'cancel';
  readonly handle: number;
}

/**
 * `busy`: the queue is full, or it is not this peer's turn. `notHeld`: the holder does not have it (yet). `invalid`: no such
 * chunks.
 */
export type RejectReason = 'busy' | 'notHeld' | 'invalid' | 'other';

/** Holder: these chunks of a request will not come. */
export interface RejectMessage extends ChunkRange {
  readonly type: 'reject';
  readonly handle: number;
  readonly reason: RejectReason;
  /** When to ask again; 0 for never. */
  readonly retryMs: number;
}

/** Holder that has not everything: chunks that it got since `opened`, in ascending ranges that don't overlap. */
export interface HaveMessage {
  readonly type: 'have';
  readonly handle: number;
  readonly ranges: readonly ChunkRange[];
}

/** Asker: done with this handle. Not answered; the holder drops what it still had to send. */
export interface CloseMessage {
  readonly type: 'close';
  readonly handle: number;
}

/**
 * `gone`: no longer shared with you, or moved as when a download has finished: opening it again tells. `changed`: the
 * holder's file is not what it was.
 */
export type ClosedReason = 'gone' | 'changed' | 'other';

/** Holder: nothing more comes for this handle. What was asked and has not come will not come. */
export interface ClosedMessage {
  readonly type: 'closed';
  readonly handle: number;
  readonly reason: ClosedReason;
}

export type TransferMessage =
  | OpenMessage
  | OpenedMessage
  | RefusedMessage
  | GetManifestMessage
  | ManifestMessage
  | GetHashesMessage
  | HashesMessage
  | RequestMessage
  | DataMessage
  | CancelMessage
  | RejectMessage
  | HaveMessage
  | CloseMessage
  | ClosedMessage;

export type TransferType = TransferMessage['type'];

/** One message type. `encoding.decode` gives the message with its `type`, or throws `MESSAGE_INVALID`. */
export interface TransferCodec {
  readonly type: TransferType;
  readonly encoding: Encoder<TransferMessage>;
}

const handle = upTo(MAX_HANDLE, 'handle');
const chunk = upTo(MAX_CHUNKS - 1, 'chunk');
const group = upTo(MAX_GROUPS - 1, 'group');
const requestCount = between(1, MAX_REQUEST_CHUNKS, 'count');
const retryMs = upTo(MAX_RETRY_MS, 'retryMs');

const contentId: Encoder<string> = {
  preencode: (state) => void (state.end += 32),
  encode: (state, id) => c.fixed32.encode(state, Buffer.from(id, 'hex')),
  decode: (state) => Buffer.from(c.fixed32.decode(state)).toString('hex'),
};

const have: Encoder<'full' | Uint8Array> = {
  preencode: (state, value) => c.buffer.preencode(state, value === 'full' ? EMPTY : value),
  encode: (state, value) => c.buffer.encode(state, value === 'full' ? EMPTY : value),
  decode(state) {
    const bits = copied(Math.ceil(MAX_CHUNKS / 8), 'have').decode(state);
    return bits.byteLength === 0 ? 'full' : bits;
  },
};

const ranges: Encoder<readonly ChunkRange[]> = {
  preencode(state, list) {
    c.uint.preencode(state, list.length);
    for (const { first, count } of list) {
      c.uint.preencode(state, first);
      c.uint.preencode(state, count);
    }
  },
  encode(state, list) {
    c.uint.encode(state, list.length);
    for (const { first, count } of list) {
      c.uint.encode(state, first);
      c.uint.encode(state, count);
    }
  },
  decode(state) {
    const length = between(1, MAX_HAVE_RANGES, 'ranges').decode(state);
    const list: ChunkRange[] = [];
    for (let i = 0, end = 0; i < length; i++) {
      const first = between(end, MAX_CHUNKS - 1, 'range').decode(state);
      const count = between(1, MAX_CHUNKS - first, 'range').decode(state);
      list.push({ first, count });
      end = first + count;
    }
    return list;
  },
};

/**
 * Every message type in the order of its number on the wire, from 0. Numbers are never used again and new types are
 * added at the end: a peer ignores a number it does not know. New fields go to the end of a message for the same reason.
 * Integers are compact-encoding `uint`, byte strings are `buffer` (length, then bytes), fields stand in the order below.
 */
export const TRANSFER_CODECS: readonly TransferCodec[] = [
  message('open', { handle, contentId }),
  message('opened', { handle, have }),
  message('refused', { handle, reason: oneOf(['unknown', 'busy', 'other']), retryMs }),
  message('getManifest', { handle }),
  message('manifest', { handle, bytes: copied(MAX_MANIFEST_BYTES, 'manifest') }),
  message('getHashes', { handle, group }),
  message('hashes', { handle, group, bytes: hashes() }),
  message('request', { handle, first: chunk, count: requestCount }),
  message('data', { handle, first: chunk, bytes: frameBytes() }, MAX_FRAME_BYTES + DATA_HEADER_BYTES),
  message('cancel', { handle, first: chunk, count: requestCount }),
  message('reject', {
    handle,
    first: chunk,
    count: requestCount,
    reason: oneOf(['busy', 'notHeld', 'invalid', 'other']),
    retryMs,
  }),
  message('have', { handle, ranges }),
  message('close', { handle }),
  message('closed', { handle, reason: oneOf(['gone', 'changed', 'other']) }),
];

type Fields<M extends TransferMessage> = { readonly [K in Exclude<keyof M, 'type'>]: Encoder<M[K]> };

/** A codec that writes the fields in the order in which they are listed. */
function message<T extends TransferType>(
  type: T,
  fields: Fields<Extract<TransferMessage, { type: T }>>,
  limit = MAX_CONTROL_BYTES,
): TransferCodec {
  const entries = Object.entries(fields as Readonly<Record<string, Encoder>>);
  const valueOf = (from: TransferMessage, name: string) => (from as unknown as Readonly<Record<string, unknown>>)[name];
  return {
    type,
    encoding: {
      preencode: (state, from) => entries.forEach(([name, field]) => field.preencode(state, valueOf(from, name))),
      encode: (state, from) => entries.forEach(([name, field]) => field.encode(state, valueOf(from, name))),
      decode(state) {
        if (state.end - state.start > limit) throw invalid(`${type} size`);
        const decoded: Record<string, unknown> = { type };
        try {
          for (const [name, field] of entries) decoded[name] = field.decode(state);
        } catch (error) {
          throw error instanceof LoraSwarmError ? error : invalid(type, error);
        }
        state.start = state.end; // Later fields stand here.
        return decoded as unknown as TransferMessage;
      },
    },
  };
}

function upTo(max: number, what: string): Encoder<number> {
  return between(0, max, what);
}

function between(min: number, max: number, what: string): Encoder<number> {
  return {
    preencode: (state, value) => c.uint.preencode(state, value),
    encode: (state, value) => c.uint.encode(state, value),
    decode(state) {
      const value = c.uint.decode(state);
      if (value < min || value > max) throw invalid(what);
      return value;
    },
  };
}

/** Sent as the position in the list. A number of a later version reads as `other`. */
function oneOf<T extends string>(values: readonly [...(readonly T[]), 'other']): Encoder<T | 'other'> {
  const codeOf = (value: T | 'other') => (value === 'other' ? OTHER : values.indexOf(value));
  return {
    preencode: (state, value) => c.uint.preencode(state, codeOf(value)),
    encode: (state, value) => c.uint.encode(state, codeOf(value)),
    decode: (state) => values[c.uint.decode(state)] ?? 'other',
  };
}

/** Byte strings are views of the frame, so a declared length allocates nothing: it has to be there. */
function view(max: number, what: string): Encoder<Uint8Array> {
  return {
    preencode: (state, value) => c.buffer.preencode(state, value),
    encode: (state, value) => c.buffer.encode(state, value),
    decode(state) {
      const bytes = c.buffer.decode(state) as Uint8Array | null;
      if ((bytes?.byteLength ?? 0) > max) throw invalid(what);
      return bytes ?? EMPTY;
    },
  };
}

function copied(max: number, what: string): Encoder<Uint8Array> {
  const inner = view(max, what);
  return { ...inner, decode: (state: State) => Uint8Array.from(inner.decode(state)) };
}

function hashes(): Encoder<Uint8Array> {
  const inner = copied(GROUP_CHUNKS * 32, 'hashes');
  return {
    ...inner,
    decode(state) {
      const bytes = inner.decode(state);
      if (bytes.byteLength % 32 !== 0) throw invalid('hashes size');
      return bytes;
    },
  };
}

function frameBytes(): Encoder<Uint8Array> {
  const inner = view(MAX_FRAME_BYTES, 'data');
  return {
    ...inner,
    decode(state) {
      const bytes = inner.decode(state);
      if (bytes.byteLength === 0) throw invalid('data size');
      return bytes;
    },
  };
}

function invalid(what: string, cause?: unknown): LoraSwarmError {
  return new LoraSwarmError('MESSAGE_INVALID', `A peer sent a damaged message (${what}).`, undefined, { cause });
}
