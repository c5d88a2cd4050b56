import { createHash } from 'node:crypto';
import { sign, verify, type KeyPair } from 'hypercore-crypto';
import { LoraSwarmError } from '../errors';

// What an author says of a key of their own. Bytes are canonical: one fact has one form, and anything else is refused.

/** Signed before the rest, so that the signature is never one of something else. */
const ROTATION_DOMAIN = Buffer.from('lora-swarm/rotation/1\n');
const REVOCATION_DOMAIN = Buffer.from('lora-swarm/revocation/1\n');
const ROTATION = 1;
/** First byte of a revocation. */
export const REVOCATION = 2;
/** type | old key | new key | number of the last release | both signatures */
const ROTATION_BYTES = 1 + 32 + 32 + 8 + 64 + 64;
/** type | key | signature */
const REVOCATION_BYTES = 1 + 32 + 64;

/** An author goes on under another key. Signed with both, so nobody can take over a name or push theirs on somebody. */
export interface Rotation {
  readonly kind: 'rotation';
  /** Keys as lower-case hex. */
  readonly key: string;
  readonly next: string;
  /** What the old key signed up to this number is the new key's; what came later was signed by somebody who found the old key. */
  readonly lastSequence: number;
}

/** A key counts no more. */
export interface Revocation {
  readonly kind: 'revocation';
  readonly key: string;
}

/** A checked statement and the bytes that prove it. */
export type Statement = (Rotation | Revocation) & {
  /** SHA-256 of the bytes, hex. */
  readonly id: string;
  readonly bytes: Uint8Array;
};

/** @param lastSequence number of the last release that `old` signed; 0 for none. */
export function makeRotation(old: KeyPair, next: KeyPair, lastSequence: number): Statement {
  if (old.publicKey.equals(next.publicKey)) throw new TypeError('a key can not follow itself');
  const sequence = Buffer.alloc(8);
  sequence.writeBigUInt64LE(BigInt(lastSequence));
  const facts = Buffer.concat([old.publicKey, next.publicKey, sequence]);
  const signatures = [old, next].map(({ secretKey }) => sign(Buffer.concat([ROTATION_DOMAIN, facts]), secretKey));
  return openStatement(Buffer.concat([Buffer.of(ROTATION), facts, ...signatures]));
}

/** Made from the key alone, and always the same: whoever has the key, or only this, can end the key. */
export function makeRevocation({ publicKey, secretKey }: KeyPair): Statement {
  const signature = sign(Buffer.concat([REVOCATION_DOMAIN, publicKey]), secretKey);
  return openStatement(Buffer.concat([Buffer.of(REVOCATION), publicKey, signature]));
}

/**
 * Checks a statement of whoever.
 *
 * @throws {LoraSwarmError} `STATEMENT_INVALID` for another kind, length or signature.
 */
export function openStatement(bytes: Uint8Array): Statement {
  const statement = readKeptStatement(bytes);
  checkSignatures(statement);
  return statement;
}

/** Reads a statement of our own disk, which was checked when it came. Its signatures are not looked at again. */
export function readKeptStatement(bytes: Uint8Array): Statement {
  const from = Buffer.from(bytes); // A copy: the caller's bytes may be a view of a network buffer.
  const fact = from[0] === ROTATION ? readRotation(from) : from[0] === REVOCATION ? readRevocation(from) : undefined;
  if (!fact) throw invalid('its kind');
  return { ...fact, id: statementId(from), bytes: from };
}

/** SHA-256 of the bytes, hex. Known before anything is checked. */
export function statementId(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function readRotation(bytes: Buffer): Rotation {
  if (bytes.byteLength !== ROTATION_BYTES) throw invalid('its length');
  const [key, next] = [bytes.subarray(1, 33), bytes.subarray(33, 65)];
  const lastSequence = bytes.readBigUInt64LE(65);
  if (key.equals(next) || lastSequence > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('its fields');
  return {
    kind: 'rotation',
    key: key.toString('hex'),
    next: next.toString('hex'),
    lastSequence: Number(lastSequence),
  };
}

function readRevocation(bytes: Buffer): Revocation {
  if (bytes.byteLength !== REVOCATION_BYTES) throw invalid('its length');
  return { kind: 'revocation', key: bytes.subarray(1, 33).toString('hex') };
}

function checkSignatures({ kind, bytes }: Statement): void {
  const signatures =
    kind === 'rotation'
      ? [
          { by: bytes.subarray(1, 33), signature: bytes.subarray(73, 137) },
          { by: bytes.subarray(33, 65), signature: bytes.subarray(137) },
        ]
      : [{ by: bytes.subarray(1, 33), signature: bytes.subarray(33) }];
  const signed =
    kind === 'rotation'
      ? Buffer.concat([ROTATION_DOMAIN, bytes.subarray(1, 73)])
      : Buffer.concat([REVOCATION_DOMAIN, bytes.subarray(1, 33)]);
  for (const { by, signature } of signatures) if (!verify(signed, signature, by)) throw invalid('a signature');
}

function invalid(what: string): LoraSwarmError {
  return new LoraSwarmError(
    'STATEMENT_INVALID',
    `This statement of a key is damaged or was made by somebody else (${what}).`,
  );
}
