import { createHash } from 'node:crypto';
import { mkdir, open, realpath, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { CHUNK_BYTES } from '../limits';
import { ChunkMap } from '../release/chunkMap';
import { FILE_ROLES, hashGroup, weightsOf, type FileRole, type Manifest } from '../release/manifest';
import type { QuickSums } from '../release/quickSums';
import type { SignedRelease } from '../release/release';
import { createFile, isMissing, statOf, syncFolder, writeNewFile } from '../store/files';
import { writePackageFacts } from '../store/packageFiles';
import { CHUNKS_NAME } from '../store/paths';
import { sourceError } from '../store/sharedStore';
import { checkSpace } from '../store/space';
import type { Store } from '../store/store';

/** Bytes of config or card as they are shared: without values that are paths of this machine. */
export interface SmallFile {
  readonly role: FileRole;
  readonly bytes: Uint8Array;
}

export interface SharedFiles {
  readonly manifest: Manifest;
  /** 32 bytes for each chunk of the package, as `hashPackage` gives them. */
  readonly chunkHashes: Uint8Array;
  readonly quickSums: QuickSums;
  readonly release: SignedRelease;
  readonly weightsPath: string;
  /** All files of the manifest but the weights. */
  readonly smallFiles: readonly SmallFile[];
  /** Keep the weights in our folder, instead of reading them where they are. */
  readonly copy?: boolean;
}

export interface BuiltShared {
  readonly weightsPath: string;
  readonly isCopy: boolean;
  readonly seenSize: number;
  readonly seenMtimeMs: number;
}

/** Builds `shared/<id>` aside and moves it to its place, so that it is whole whenever it is there. */
export async function buildShared(store: Store, files: SharedFiles): Promise<BuiltShared> {
  const { manifest } = files;
  const target = store.paths.package('shared', manifest.id);
  const source = await realpath(files.weightsPath).catch((error: unknown) => {
    throw isMissing(error) ? sourceError('missing', files.weightsPath) : error;
  });
  const isCopy = files.copy === true || source.startsWith(target); // The folder is about to be replaced.
  const fresh = store.temporaryPath();
  await mkdir(fresh, { mode: 0o700 });
  try {
    await checkWeights(source, manifest);
    await writePackageFacts(fresh, { manifest, release: files.release });
    await writeNewFile(join(fresh, CHUNKS_NAME), checkHashes(files));
    for (const [name, bytes] of checkSmallFiles(files)) await writeNewFile(join(fresh, name), bytes);
    const weightsName = FILE_ROLES[weightsOf(manifest).role].name;
    if (isCopy) await copyWeights(store, source, join(fresh, weightsName), manifest);
    await syncFolder(fresh);
    await store.throwAway(target);
    await rename(fresh, target);
    await syncFolder(store.paths.area('shared'));
    store.quickSums.put(manifest.id, files.quickSums);
    const weightsPath = isCopy ? join(target, weightsName) : source;
    return { weightsPath, isCopy, ...(await checkWeights(weightsPath, manifest)) };
  } catch (error) {
    await store.throwAway(fresh);
    throw error;
  }
}

async function checkWeights(path: string, manifest: Manifest): Promise<{ seenSize: number; seenMtimeMs: number }> {
  const stat = await statOf(path);
  if (!stat) throw sourceError('missing', path);
  if (!stat.isFile() || stat.size !== weightsOf(manifest).size) throw sourceError('changed', path);
  return { seenSize: stat.size, seenMtimeMs: stat.mtimeMs };
}

/** Ours, so a wrong one is a bug. */
function checkHashes({ manifest, chunkHashes }: SharedFiles): Uint8Array {
  const map = new ChunkMap(manifest);
  for (let i = 0; i < map.groups; i++) {
    const { firstChunk, chunks, hash } = map.group(i);
    if (!hashGroup(chunkHashes.subarray(firstChunk * 32, (firstChunk + chunks) * 32)).equals(hash))
      throw new TypeError(`chunk hashes are not of this manifest: group ${i}`);
  }
  if (chunkHashes.byteLength !== map.chunks * 32) throw new TypeError('too many chunk hashes');
  return chunkHashes;
}

function checkSmallFiles({ manifest, smallFiles }: SharedFiles): [name: string, bytes: Uint8Array][] {
  return manifest.files.slice(1).map(({ role, sha256 }) => {
    const bytes = smallFiles.find((file) => file.role === role)?.bytes;
    if (!bytes || !createHash('sha256').update(bytes).digest().equals(sha256))
      throw new TypeError(`${FILE_ROLES[role].name} is not what was hashed`);
    return [FILE_ROLES[role].name, bytes];
  });
}

/** Copies and hashes in one reading. */
async function copyWeights(store: Store, source: string, target: string, manifest: Manifest): Promise<void> {
  const { size, sha256 } = weightsOf(manifest);
  await checkSpace(store.paths.home, size);
  const from = await open(source, 'r');
  const to = await createFile(target).catch(async (error: unknown) => {
    await from.close();
    throw error;
  });
  try {
    const hash = createHash('sha256');
    const buffer = Buffer.alloc(16 * CHUNK_BYTES);
    for (let at = 0; ;) {
      const { bytesRead } = await from.read(buffer, 0, buffer.byteLength, at);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      for (let done = 0; done < bytesRead;)
        done += (await to.write(buffer, done, bytesRead - done, at + done)).bytesWritten;
      at += bytesRead;
    }
    if (!hash.digest().equals(sha256)) throw sourceError('changed', source);
    await to.sync();
  } finally {
    await from.close();
    await to.close();
  }
}
