import { createHash } from 'node:crypto';
import c, { type State } from 'compact-encoding';
import { sign, verify, type KeyPair } from 'hypercore-crypto';
import { LoraSwarmError, hasCode } from '../../errors';
import { openStatement as openKeyStatement } from '../../identity/statements';
import { fromKeyStatement, toKeyStatement } from './keyStatements';
import { SEAL_BYTES } from './sealed';

/** Members of a room whose secret can be changed: so many sealed nonces fit into one message. */
export const MAX_RECIPIENTS = 500;
/** 500 recipients of 112 bytes, and the rest. */
export const MAX_STATEMENT_BYTES = 60_000;
const MAX_OVER = 16;
const NONCE_BYTES = 32;
const SEALED_BYTES = NONCE_BYTES + SEAL_BYTES;
const DOMAIN = Buffer.from('lora-swarm/room-statement/1\n');

/** What is said. Keys and hashes are hex, as they are compared and looked up all the time. */
export type Act =
  /** A device belongs to the room from now on, as long as this epoch lasts and in those whose makers know of it. */
  | {
      readonly kind: 'admit';
      readonly member: string;
      /** The epoch whose secret it proved or is given. */
      readonly epoch: string;
      /** Chosen by a person, by a one-time code; else it came with the room's code. */
      readonly isInvited: boolean;
      /** The epoch's nonce for this device, 80 bytes. */
      readonly sealed: Buffer;
      /** Removals that this takes back. */
      readonly over: readonly string[];
    }
  | { readonly kind: 'appoint'; readonly member: string; readonly over: readonly string[] }
  | { readonly kind: 'dismiss'; readonly member: string }
  /** @property floor epochs up to this number are over, as the removed device may know their secrets. */
  | { readonly kind: 'remove'; readonly member: string; readonly floor: number }
  /** A new secret, and everybody who gets it: the list of members at that time. */
  | {
      readonly kind: 'epoch';
      readonly number: number;
      /** `nonceCommitment` of the nonce. */
      readonly commitment: Buffer;
      /** Ascending by key, each once. */
      readonly recipients: readonly { readonly key: string; readonly sealed: Buffer }[];
    }
  /** The author of this goes on under another key, as stated to all the world: `Rotation` of `identity/statements`. */
  | {
      readonly kind: 'move';
      readonly next: string;
      readonly lastSequence: number;
      /** By the next key. */
      readonly nextSignature: Buffer;
    }
  /** The key that signed this counts no more: `Revocation` of `identity/statements`. */
  | { readonly kind: 'revoke' };

export type ActKind = Act['kind'];

/** One thing that an admin said about a room, or anybody about the own key, signed. */
export interface Statement {
  /** SHA-256, hex: what other statements call it. */
  readonly hash: string;
  readonly author: string;
  /** One more than what its author had seen: keeps two equal words apart, and sorts what is shown. Decides nothing. */
  readonly clock: number;
  readonly act: Act;
  /** As it travels and is kept. */
  readonly bytes: Buffer;
}

/** Their places are the numbers on the wire, less one. */
const KINDS: readonly ActKind[] = ['admit', 'appoint', 'dismiss', 'remove', 'epoch', 'move', 'revoke'];

/** @param tag of the room, `roomTag`. */
export function signStatement(tag: Uint8Array, keys: KeyPair, clock: number, act: Act): Statement {
  const content = encodeContent(keys.publicKey, clock, act);
  const signature = sign(Buffer.concat([DOMAIN, tag, content]), keys.secretKey);
  return openStatement(tag, Buffer.concat([signature, content]));
}

/** What an author stated of the own key, as a statement of this room. @throws {LoraSwarmError} `STATEMENT_INVALID` */
export function statementOfKey(tag: Uint8Array, bytes: Uint8Array): Statement {
  const { author, act, signature } = fromKeyStatement(bytes);
  return openStatement(tag, Buffer.concat([signature, encodeContent(author, 0, act)]));
}

/**
 * Reads a statement of a stranger and checks that its author made it for this room. Whether the author had a say is for
 * `foldRoom`.
 *
 * @throws {LoraSwarmError} `MESSAGE_INVALID`
 */
export function openStatement(tag: Uint8Array, bytes: Uint8Array): Statement {
  if (bytes.byteLength > MAX_STATEMENT_BYTES || bytes.byteLength < 64) throw invalid('its size');
  const own = Buffer.from(bytes);
  const content = own.subarray(64);
  const { author, clock, act } = decodeContent(content);
  // One way to write each statement, so that one statement has one hash.
  if (!encodeContent(Buffer.from(author, 'hex'), clock, act).equals(content)) throw invalid('its form');
  checkSignature(tag, Buffer.from(author, 'hex'), own, act);
  return { hash: hashOfStatement(tag, own), author, clock, act, bytes: own };
}

function checkSignature(tag: Uint8Array, author: Buffer, bytes: Buffer, act: Act): void {
  const [signature, content] = [bytes.subarray(0, 64), bytes.subarray(64)];
  const ofKey = toKeyStatement(author, act, signature);
  if (ofKey) {
    try {
      openKeyStatement(ofKey);
    } catch (error) {
      if (hasCode(error, 'STATEMENT_INVALID')) throw invalid('its signature');
      throw error;
    }
  } else if (!verify(Buffer.concat([DOMAIN, tag, content]), signature, author)) throw invalid('its signature');
}

/** What other statements call it: a hash of what is signed, so that another signature of the same words is no other statement. */
export function hashOfStatement(tag: Uint8Array, bytes: Uint8Array): string {
  return createHash('sha256').update(DOMAIN).update(tag).update(bytes.subarray(64)).digest('hex');
}

/** Whether these bytes are a statement of a kind that this version knows. Later kinds are passed over. */
export function isKnownKind(bytes: Uint8Array): boolean {
  const kind = bytes[64];
  return kind === undefined || (kind >= 1 && kind <= KINDS.length);
}

function encodeContent(author: Uint8Array, clock: number, act: Act): Buffer {
  const state: State = { start: 0, end: 0, buffer: null };
  const write = (step: 'preencode' | 'encode'): void => {
    c.uint[step](state, KINDS.indexOf(act.kind) + 1);
    c.fixed32[step](state, author);
    c.uint[step](state, clock);
    if (act.kind === 'epoch') {
      c.uint[step](state, act.number);
      c.fixed32[step](state, act.commitment);
      c.uint[step](state, act.recipients.length);
      for (const { key, sealed } of act.recipients) {
        c.fixed32[step](state, Buffer.from(key, 'hex'));
        raw(step, state, sealed);
      }
      return;
    }
    if (act.kind === 'revoke') return;
    if (act.kind === 'move') {
      c.fixed32[step](state, Buffer.from(act.next, 'hex'));
      c.uint[step](state, act.lastSequence);
      raw(step, state, act.nextSignature);
      return;
    }
    c.fixed32[step](state, Buffer.from(act.member, 'hex'));
    if (act.kind === 'remove') c.uint[step](state, act.floor);
    if (act.kind === 'admit') {
      c.fixed32[step](state, Buffer.from(act.epoch, 'hex'));
      c.uint[step](state, act.isInvited ? 1 : 0);
      raw(step, state, act.sealed);
    }
    if (act.kind === 'admit' || act.kind === 'appoint') {
      c.uint[step](state, act.over.length);
      for (const hash of act.over) c.fixed32[step](state, Buffer.from(hash, 'hex'));
    }
  };
  write('preencode');
  state.buffer = Buffer.alloc(state.end);
  write('encode');
  return state.buffer as Buffer;
}

function raw(step: 'preencode' | 'encode', state: State, bytes: Uint8Array): void {
  if (step === 'preencode') state.end += bytes.byteLength;
  else {
    state.buffer!.set(bytes, state.start);
    state.start += bytes.byteLength;
  }
}

function decodeContent(content: Buffer): Pick<Statement, 'author' | 'clock' | 'act'> {
  const state: State = { start: 0, end: content.byteLength, buffer: content };
  const key = (): string => take(32).toString('hex');
  const take = (size: number): Buffer => {
    if (state.end - state.start < size) throw invalid('its length');
    const bytes = Buffer.from(content.subarray(state.start, state.start + size));
    state.start += size;
    return bytes;
  };
  const count = (limit = Number.MAX_SAFE_INTEGER): number => {
    if (state.start >= state.end) throw invalid('its length');
    const value = readUint(state);
    if (!Number.isSafeInteger(value) || value > limit) throw invalid('a number');
    return value;
  };
  const over = (): string[] => Array.from({ length: count(MAX_OVER) }, key);

  const kind = KINDS[count(KINDS.length) - 1];
  const author = key();
  const clock = count();
  const act = ((): Act => {
    switch (kind) {
      case 'admit':
        return {
          kind,
          member: key(),
          epoch: key(),
          isInvited: count(1) === 1,
          sealed: take(SEALED_BYTES),
          over: over(),
        };
      case 'appoint':
        return { kind, member: key(), over: over() };
      case 'dismiss':
        return { kind, member: key() };
      case 'remove':
        return { kind, member: key(), floor: count() };
      case 'epoch': {
        const number = count();
        const commitment = take(32);
        const recipients = Array.from({ length: count(MAX_RECIPIENTS) }, () => ({
          key: key(),
          sealed: take(SEALED_BYTES),
        }));
        if (recipients.some((each, i) => i > 0 && each.key <= recipients[i - 1]!.key)) throw invalid('its order');
        return { kind, number, commitment, recipients };
      }
      case 'move':
        return { kind, next: key(), lastSequence: count(), nextSignature: take(64) };
      case 'revoke':
        return { kind };
      default:
        throw invalid('its kind');
    }
  })();
  if (state.start !== state.end) throw invalid('its length');
  if (clock !== 0 && (act.kind === 'move' || act.kind === 'revoke')) throw invalid('a number');
  return { author, clock, act };
}

/** compact-encoding throws a plain error where bytes are missing. */
function readUint(state: State): number {
  try {
    return c.uint.decode(state);
  } catch {
    throw invalid('its length');
  }
}

function invalid(what: string): LoraSwarmError {
  return new LoraSwarmError('MESSAGE_INVALID', `A peer sent a statement about a room that can't be right (${what}).`);
}
