import crypto, { createHash } from 'node:crypto';
import type { AdapterFormat } from '../state';
import { LoraSwarmError } from '../errors';
import { CHUNK_BYTES, GROUP_CHUNKS, MAX_FILES, MAX_MANIFEST_BYTES, MAX_PACKAGE_BYTES, MAX_TEXT_BYTES } from '../limits';

/** Starts every manifest; the last byte is the format's version. */
const MAGIC = Buffer.from('LSMANIF\x01', 'latin1');

/**
 * What a file of a package is. The role decides its name on disk; nothing is ever named by a peer.
 * Order in a manifest is ascending by role, each role at most once, and exactly one file of weights.
 */
export const FILE_ROLES = {
  1: { name: 'adapter_model.safetensors', format: 'peft' },
  2: { name: 'adapters.safetensors', format: 'mlx' },
  3: { name: 'adapter.gguf', format: 'gguf' },
  16: { name: 'adapter_config.json', format: undefined },
  17: { name: 'README.md', format: undefined },
} as const satisfies Record<number, { name: string; format: AdapterFormat | undefined }>;

export type FileRole = keyof typeof FILE_ROLES;

export interface ManifestFile {
  readonly role: FileRole;
  /** Bytes, at least 1. */
  readonly size: number;
  /** 32 bytes: SHA-256 of the whole file, the digest that Ollama and the hubs use for it. */
  readonly sha256: Uint8Array;
  /** One 32-byte group hash per 4 MiB: SHA-256 over a byte 1 and the group's chunk hashes. */
  readonly groups: readonly Uint8Array[];
}

/** Immutable description of one adapter package. Its bytes are canonical: one content has one manifest and one id. */
export interface Manifest {
  /** Content id: SHA-256 of `bytes`, 64 hex characters. */
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly files: readonly ManifestFile[];
  /** Sum of the file sizes. */
  readonly size: number;
}

export const chunkCount = (size: number): number => Math.ceil(size / CHUNK_BYTES);
export const groupCount = (size: number): number => Math.ceil(chunkCount(size) / GROUP_CHUNKS);

/** One call for a whole hash costs less than an object for each. Not in Node before 20.12. */
const hashAtOnce = (crypto as Partial<typeof crypto>).hash;

export function hashChunk(data: Uint8Array): Buffer {
  return hashAtOnce ? hashAtOnce('sha256', data, 'buffer') : createHash('sha256').update(data).digest();
}

/** Domain byte 1 keeps a group hash from ever being the hash of a chunk. */
export function hashGroup(chunkHashes: Uint8Array): Buffer {
  return createHash('sha256').update(Uint8Array.of(1)).update(chunkHashes).digest();
}

/** Builds the canonical manifest of these files, in any order. */
export function buildManifest(files: readonly ManifestFile[]): Manifest {
  const sorted = [...files].sort((a, b) => a.role - b.role);
  const parts: Uint8Array[] = [MAGIC, Uint8Array.of(sorted.length)];
  for (const file of sorted) {
    const header = Buffer.alloc(9);
    header.writeUInt8(file.role, 0);
    header.writeBigUInt64LE(BigInt(file.size), 1);
    parts.push(header, file.sha256, ...file.groups);
  }
  return parseManifest(Buffer.concat(parts));
}

/**
 * Reads manifest bytes of a peer. The only way from bytes to a `Manifest`.
 *
 * @throws {LoraSwarmError} `MANIFEST_INVALID` for anything that `buildManifest` would not have written byte for byte.
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  if (bytes.byteLength > MAX_MANIFEST_BYTES) throw invalid('too long');
  const buffer = Buffer.from(bytes); // A copy: the caller's bytes may be a view of a network buffer.
  if (buffer.byteLength < MAGIC.byteLength + 1 || !buffer.subarray(0, MAGIC.byteLength).equals(MAGIC))
    throw invalid('no manifest');

  let at = MAGIC.byteLength;
  const count = buffer.readUInt8(at++);
  if (count < 1 || count > MAX_FILES) throw invalid('file count');
  const files: ManifestFile[] = [];
  let size = 0;
  for (let i = 0; i < count; i++) {
    if (buffer.byteLength - at < 41) throw invalid('cut short');
    const role = buffer.readUInt8(at);
    if (!isFileRole(role) || (i > 0 && role <= files[i - 1]!.role)) throw invalid('file role');
    if ((FILE_ROLES[role].format !== undefined) !== (i === 0)) throw invalid('exactly one file of weights comes first');
    const declared = buffer.readBigUInt64LE(at + 1);
    const limit = i === 0 ? MAX_PACKAGE_BYTES : MAX_TEXT_BYTES;
    if (declared < 1n || declared > BigInt(limit)) throw invalid('file size');
    const fileSize = Number(declared);
    const sha256 = buffer.subarray(at + 9, at + 41);
    at += 41;
    // The bytes are checked against what came, so a declared size allocates nothing.
    const groups = groupCount(fileSize);
    if (buffer.byteLength - at < groups * 32) throw invalid('cut short');
    files.push({
      role,
      size: fileSize,
      sha256,
      groups: Array.from({ length: groups }, (_, g) => buffer.subarray(at + g * 32, at + g * 32 + 32)),
    });
    at += groups * 32;
    size += fileSize;
  }
  if (at !== buffer.byteLength) throw invalid('trailing bytes');
  return { id: createHash('sha256').update(buffer).digest('hex'), bytes: buffer, files, size };
}

/** The file of weights, always the first one. */
export function weightsOf(manifest: Manifest): ManifestFile {
  return manifest.files[0]!;
}

export function formatOf(manifest: Manifest): AdapterFormat {
  const { format } = FILE_ROLES[weightsOf(manifest).role];
  if (format === undefined) throw new TypeError('a parsed manifest starts with weights');
  return format;
}

function isFileRole(value: number): value is FileRole {
  return Object.hasOwn(FILE_ROLES, value);
}

function invalid(what: string): LoraSwarmError {
  return new LoraSwarmError('MANIFEST_INVALID', `This adapter's description is damaged (${what}). Ask another peer.`);
}
