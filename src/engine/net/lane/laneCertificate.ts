import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

/** What one end of the lane shows the other. */
export interface LaneCertificate {
  /** PEM. */
  readonly certificate: string;
  readonly key: KeyObject;
  /** SHA-256 of the certificate as it is sent (DER). */
  readonly fingerprint: Buffer;
}

const SEQUENCE = 0x30;
const SET = 0x31;
const BIT_STRING = 0x03;
const UTF8 = 0x0c;
const GENERALIZED_TIME = 0x18;
const VERSION = 0xa0;
const ECDSA_WITH_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex');
const COMMON_NAME = Buffer.from('0603550403', 'hex');
const VERSION_3 = Buffer.from('020102', 'hex');
const SERIAL_1 = Buffer.from('020101', 'hex');

/**
 * A certificate for TLS with a key of its own (P-256, which every TLS library takes), signed by itself (RFC 5280, section 4.1).
 * It says nothing of who made it: the other end knows its fingerprint from the encrypted room connection and takes no other.
 * Node reads certificates but writes none, and a library that does brings an ASN.1 compiler for these 20 lines.
 */
export function makeLaneCertificate(): LaneCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(SEQUENCE, ECDSA_WITH_SHA256);
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8, Buffer.from('lane')))));
  // The same for everybody: a wrong clock on either side must not close the lane, and the key lives as long as the process.
  const always = ['20000101000000Z', '99991231235959Z'].map((time) => der(GENERALIZED_TIME, Buffer.from(time)));
  const toBeSigned = der(
    SEQUENCE,
    der(VERSION, VERSION_3),
    SERIAL_1,
    algorithm,
    name,
    der(SEQUENCE, ...always),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = sign('sha256', toBeSigned, privateKey);
  const bytes = der(SEQUENCE, toBeSigned, algorithm, der(BIT_STRING, Buffer.of(0), signature));
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    certificate: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
    key: privateKey,
    fingerprint: createHash('sha256').update(bytes).digest(),
  };
}

/** One value of DER (X.690): tag, length, contents. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const { length } = body;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), body]);
}
