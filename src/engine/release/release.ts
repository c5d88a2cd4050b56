import { createHash } from 'node:crypto';
import { keyPair as makeKeyPair, sign, verify, type KeyPair } from 'hypercore-crypto';
import type { AdapterShape } from '../adapter/adapterInfo';
import type { AdapterLineage, ModelfileExtras } from '../deployWishes';
import { MAX_NAME_PART_LENGTH, MAX_RELEASE_BYTES, MAX_TAGS, MAX_TAG_LENGTH } from '../limits';
import type { AdapterFormat } from '../state';
import { parseExtras } from './extras';
import {
  fail,
  integer,
  invalid,
  isContentId,
  isCount,
  isNamePart,
  optional,
  optionalDigest,
  optionalNumber,
  optionalText,
  record,
  text,
  texts,
} from './fields';
import { parseLineage } from './lineage';

/** Rooms that a release can be meant for. One that is offered in more is meant for any. */
export const MAX_ROOMS = 16;
/** Signed before the payload, so that a release's signature is never one of something else. */
const DOMAIN = Buffer.from('lora-swarm/release/1\n');

/** What an author says of one adapter. Facts come from the files; a reader checks them again after the download. */
export interface Release {
  /** Content id of the manifest, 64 hex characters. */
  readonly contentId: string;
  readonly author: string;
  readonly name: string;
  /** Free text of the author, `1.2` or `checkpoint-400`. */
  readonly version?: string;
  readonly format: AdapterFormat;
  /** Size of the whole package. */
  readonly bytes: number;
  readonly rank?: number;
  readonly alpha?: number;
  readonly scale?: number;
  readonly dtype?: string;
  readonly parameters?: number;
  readonly pairs: number;
  readonly targets: readonly string[];
  readonly shape: AdapterShape;
  readonly license?: string;
  readonly tags: readonly string[];
  /** Content ids that this adapter was made of. */
  readonly parents: readonly string[];
  /** Author's clock, milliseconds since 1970. For display only. */
  readonly createdAt: number;
  /** Counts up over all releases of one author, so that a newer one is known as such. Absent in those of early versions. */
  readonly sequence?: number;
  /** Marks of the rooms that it is meant for, 32 hex characters each; in others it counts for nothing. Absent: for any. */
  readonly rooms?: readonly string[];
  /** How it was merged of `parents`, which name every part that has an id. */
  readonly lineage?: AdapterLineage;
  /** Proposals for the Modelfile. */
  readonly extras?: ModelfileExtras;
}

/** A release with its proof. `payload` is what was signed, byte for byte. */
export interface SignedRelease {
  readonly release: Release;
  /** 32 bytes, Ed25519. */
  readonly authorKey: Uint8Array;
  /** UTF-8 JSON. */
  readonly payload: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** SHA-256 of payload and key: names one statement of one author. Hex. */
export function releaseId(signed: Pick<SignedRelease, 'authorKey' | 'payload'>): string {
  return createHash('sha256').update(signed.authorKey).update(signed.payload).digest('hex');
}

export function signRelease(release: Release, keys: KeyPair): SignedRelease {
  const payload = Buffer.from(JSON.stringify(release));
  const signature = sign(Buffer.concat([DOMAIN, payload]), keys.secretKey);
  return openRelease(payload, signature, keys.publicKey);
}

/**
 * Checks and reads a release of a peer. The only way from bytes to a `SignedRelease`. Unknown fields are ignored.
 *
 * @throws {LoraSwarmError} `RELEASE_INVALID` for a wrong signature, a field of another type, or a limit exceeded.
 */
export function openRelease(payload: Uint8Array, signature: Uint8Array, authorKey: Uint8Array): SignedRelease {
  if (payload.byteLength > MAX_RELEASE_BYTES) throw invalid('too long');
  const bytes = Buffer.from(payload); // Copies: the caller's bytes may be views of a network buffer.
  if (signature.byteLength !== 64 || authorKey.byteLength !== 32) throw invalid('signature');
  if (!verify(Buffer.concat([DOMAIN, bytes]), signature, authorKey)) throw invalid('signature');
  return {
    release: parseRelease(bytes),
    authorKey: Buffer.from(authorKey),
    payload: bytes,
    signature: Buffer.from(signature),
  };
}

/** Makes the key pair of an identity. @param seed 32 bytes; without one it is random. */
export function identityKeys(seed?: Uint8Array): KeyPair {
  return makeKeyPair(seed);
}

function parseRelease(bytes: Buffer): Release {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw invalid('no JSON', error);
  }
  const from = record(value, 'release');
  const contentId = text(from, 'contentId', 64);
  if (!isContentId(contentId)) throw invalid('contentId');
  const author = text(from, 'author', MAX_NAME_PART_LENGTH);
  const name = text(from, 'name', MAX_NAME_PART_LENGTH);
  if (!isNamePart(author) || !isNamePart(name)) throw invalid('name');
  const format = text(from, 'format', 8);
  if (format !== 'peft' && format !== 'mlx' && format !== 'gguf') throw invalid('format');
  const shape = record(from['shape'], 'shape');
  const parents = texts(from, 'parents', 16, 64).map((id) => (isContentId(id) ? id : fail('parents')));
  const lineage = parseLineage(from['lineage']);
  if (lineage?.parts.some(({ id }) => id !== undefined && !parents.includes(id))) throw invalid('lineage');
  return {
    contentId,
    author,
    name,
    format,
    bytes: integer(from, 'bytes'),
    pairs: integer(from, 'pairs'),
    targets: texts(from, 'targets', 64, 64),
    shape: parseShape(shape),
    tags: texts(from, 'tags', MAX_TAGS, MAX_TAG_LENGTH),
    parents,
    createdAt: integer(from, 'createdAt'),
    ...optional('sequence', from['sequence'] === undefined ? undefined : integer(from, 'sequence')),
    ...optional('rooms', from['rooms'] === undefined ? undefined : parseMarks(from)),
    ...optional('version', optionalText(from, 'version', 80)),
    ...optional('rank', optionalNumber(from, 'rank')),
    ...optional('alpha', optionalNumber(from, 'alpha')),
    ...optional('scale', optionalNumber(from, 'scale')),
    ...optional('dtype', optionalText(from, 'dtype', 16)),
    ...optional('parameters', optionalNumber(from, 'parameters')),
    ...optional('license', optionalText(from, 'license', 80)),
    ...optional('lineage', lineage),
    ...optional('extras', parseExtras(from['extras'])),
  };
}

function parseMarks(from: Record<string, unknown>): string[] {
  return texts(from, 'rooms', MAX_ROOMS, 32).map((mark) => (/^[0-9a-f]{32}$/.test(mark) ? mark : fail('rooms')));
}

function parseShape(from: Record<string, unknown>): AdapterShape {
  const dims: Record<string, readonly [number, number]> = Object.create(null) as Record<
    string,
    readonly [number, number]
  >;
  const entries = Object.entries(record(from['dims'], 'dims'));
  if (entries.length > 64) throw invalid('dims');
  for (const [target, value] of entries) {
    if (target.length > 64 || !Array.isArray(value) || value.length !== 2) throw invalid('dims');
    const [inFeatures, outFeatures] = value as unknown[];
    if (!isCount(inFeatures) || !isCount(outFeatures)) throw invalid('dims');
    dims[target] = [inFeatures, outFeatures];
  }
  return {
    blocks: integer(from, 'blocks'),
    dims,
    ...optional('architecture', optionalText(from, 'architecture', 32)),
    ...optional('baseModel', optionalText(from, 'baseModel', 200)),
    ...optional('baseDigest', optionalText(from, 'baseDigest', 71)),
    ...optional('baseFingerprint', optionalDigest(from, 'baseFingerprint')),
  };
}
