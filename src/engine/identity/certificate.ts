import { LoraSwarmError } from '../errors';
import { openStatement, type Statement } from './statements';

const BEGIN = '-----BEGIN LORA SWARM REVOCATION-----';
const END = '-----END LORA SWARM REVOCATION-----';
/** Ours has under 1,000 characters; people add a note. */
const MAX_CHARS = 20_000;

/** The text that the user keeps: what it is, then the statement as Base64 between two lines. */
export function formatCertificate({ key, bytes }: Statement): string {
  const body = Buffer.from(bytes)
    .toString('base64')
    .replace(/(.{64})(?=.)/g, '$1\n');
  return [
    'Revocation certificate of a LoRA Swarm identity.',
    '',
    `Key: ${key}`,
    '',
    'Keep this where you find it when the key is lost or stolen, apart from the key. Whoever has it can end the key,',
    'and nothing else. To use it: lora-swarm identity revoke FILE, or "LoRA Swarm: Revoke a Key" in the editor.',
    '',
    BEGIN,
    body,
    END,
    '',
  ].join('\n');
}

/** @throws {LoraSwarmError} `STATEMENT_INVALID` for any other text, and for a damaged certificate. */
export function parseCertificate(text: string): Statement {
  const start = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (text.length > MAX_CHARS || start < 0 || end < start) throw noCertificate();
  const body = text.slice(start + BEGIN.length, end).replace(/\s/g, '');
  if (!/^[A-Za-z0-9+/]{1,600}={0,2}$/.test(body)) throw noCertificate();
  const statement = openStatement(Buffer.from(body, 'base64'));
  if (statement.kind !== 'revocation') throw noCertificate();
  return statement;
}

function noCertificate(): LoraSwarmError {
  return new LoraSwarmError(
    'STATEMENT_INVALID',
    'This is no revocation certificate of LoRA Swarm, or a part of it is missing. It has a line that begins with "-----BEGIN LORA SWARM REVOCATION".',
  );
}
