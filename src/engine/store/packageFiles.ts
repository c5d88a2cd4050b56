import { join } from 'node:path';
import { MAX_MANIFEST_BYTES, parseManifest, type Manifest } from '../release/manifest';
import { MAX_RELEASE_BYTES, openRelease, type SignedRelease } from '../release/release';
import { readSmallFile, writeNewFile } from './files';
import { MANIFEST_NAME, RELEASE_NAME } from './paths';

/** What a package folder says of itself. */
export interface PackageFacts {
  readonly manifest: Manifest;
  readonly release: SignedRelease | undefined;
}

/** Reads manifest and release of a package folder. `undefined` when the manifest is not the one of this id. */
export async function readPackageFacts(folder: string, id: string): Promise<PackageFacts | undefined> {
  const manifest = await readManifest(folder, id);
  if (!manifest) return undefined;
  const bytes = await readSmallFile(join(folder, RELEASE_NAME), 96 + MAX_RELEASE_BYTES);
  return { manifest, release: bytes && decodeRelease(bytes, id) };
}

/** @returns paths of what was written. @param isSynced false: the caller syncs them later. */
export async function writePackageFacts(
  folder: string,
  { manifest, release }: PackageFacts,
  isSynced = true,
): Promise<string[]> {
  const written = [join(folder, MANIFEST_NAME)];
  await writeNewFile(written[0]!, manifest.bytes, isSynced);
  if (!release) return written;
  written.push(join(folder, RELEASE_NAME));
  await writeNewFile(written[1]!, encodeRelease(release), isSynced);
  return written;
}

/** Key, signature, payload: 32, 64 and the remaining bytes. */
export function encodeRelease({ authorKey, signature, payload }: SignedRelease): Buffer {
  return Buffer.concat([authorKey, signature, payload]);
}

/** The signature is checked again: the file may be of anyone. `undefined` when it is not a release of this content. */
export function decodeRelease(bytes: Uint8Array, id: string): SignedRelease | undefined {
  try {
    const signed = openRelease(bytes.subarray(96), bytes.subarray(32, 96), bytes.subarray(0, 32));
    return signed.release.contentId === id ? signed : undefined;
  } catch {
    return undefined;
  }
}

async function readManifest(folder: string, id: string): Promise<Manifest | undefined> {
  const bytes = await readSmallFile(join(folder, MANIFEST_NAME), MAX_MANIFEST_BYTES);
  try {
    const manifest = bytes && parseManifest(bytes);
    return manifest?.id === id ? manifest : undefined;
  } catch {
    return undefined;
  }
}
