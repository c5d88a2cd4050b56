import { openStatement as openKeyStatement } from '../../identity/statements';
import type { Act } from './statement';

// Statements of keys hold in every room in the same bytes: a room writes the fields of a move or a revocation in its own
// form, with the signatures that their authors made once. So whoever heard one can tell a room of it, and it is one statement whoever does.

/** The bytes that the author signed, as `identity/statements` reads them. */
export function toKeyStatement(author: Uint8Array, act: Act, signature: Uint8Array): Buffer | undefined {
  if (act.kind === 'revoke') return Buffer.concat([Buffer.of(2), author, signature]);
  if (act.kind !== 'move') return undefined;
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(BigInt(act.lastSequence));
  return Buffer.concat([Buffer.of(1), author, Buffer.from(act.next, 'hex'), number, signature, act.nextSignature]);
}

/** The same the other way round. @throws {LoraSwarmError} `STATEMENT_INVALID` */
export function fromKeyStatement(bytes: Uint8Array): { author: Buffer; act: Act; signature: Buffer } {
  const statement = openKeyStatement(bytes);
  const from = Buffer.from(statement.bytes);
  const author = from.subarray(1, 33);
  if (statement.kind === 'revocation') return { author, act: { kind: 'revoke' }, signature: from.subarray(33) };
  const { next, lastSequence } = statement;
  const nextSignature = from.subarray(137);
  return { author, act: { kind: 'move', next, lastSequence, nextSignature }, signature: from.subarray(73, 137) };
}
