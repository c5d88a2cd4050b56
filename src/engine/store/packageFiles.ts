import { join } from 'node:path';
import { MAX_MANIFEST_BYTES, MAX_RELEASE_BYTES } from '../limits';
import { parseManifest, type Manifest } from '../release/manifest';
import { openRelease, type SignedRelease } from '../release/release';
import { putNewFile, readSmallFile, writeNewFile } from './files';
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

/** Writes them and syncs them. */
export async function writePackageFacts(folder: string, facts: PackageFacts): Promise<void> {
  for (const [path, bytes] of filesOf(folder, facts)) await writeNewFile(path, bytes);
}

/** @returns paths of what was written and is to be synced. */
export function putPackageFacts(folder: string, facts: PackageFacts): string[] {
  return filesOf(folder, facts).map(([path, bytes]) => {
    putNewFile(path, bytes);
    return path;
  });
}

function filesOf(folder: string, { manifest, release }: PackageFacts): [path: string, bytes: Uint8Array][] {
  const files: [string, Uint8Array][] = [[join(folder, MANIFEST_NAME), manifest.bytes]];
  if (release) files.push([join(folder, RELEASE_NAME), encodeRelease(release)]);
  return files;
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
