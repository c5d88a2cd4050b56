import { constants } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LoraSwarmError, hasCode, storageError } from '../errors';
import { readBlob } from '../ollama/digest';
import type { CatalogEntry } from '../registry/catalog';
import { FILE_ROLES } from '../release/manifest';
import type { TransferPhase, TransferState } from '../state';
import { monotonicClock, type Clock } from '../transfer/clock';
import type { GetRequest, GetResult, WishOptions, WishProgress } from '../wishes';
import type { DownloadRequest, Downloaded } from './downloadRun';
import type { Downloads } from './downloads';
import { installTarget } from './install';
import type { InstallFlowParts } from './installParts';
import type { EngineParts } from './parts';
import { findHere } from './targets';

/** A room needs this long to find its peers, and a peer to tell its catalog. */
const APPEAR_MS = 30_000;
/** Nobody who has the adapter was there for so long: then whoever asked is told. The download itself stays and waits on. */
const NO_SOURCE_MS = 60_000;
const CHECK_MS = 1_000;

export type GetParts = Pick<EngineParts, 'rooms'> &
  InstallFlowParts & {
    readonly downloads: Pick<Downloads, 'fetch' | 'follow'>;
    /** Tells how long nobody was there. */
    readonly clock?: Clock;
  };

/**
 * Fetches an adapter that a room offers: finds it in the catalog, downloads from all who have it, verifies, keeps it in the
 * library; then, when asked to, copies the files to a folder and installs it in Ollama.
 *
 * @throws {LoraSwarmError} `ID_UNKNOWN` when no room offers it, `NO_SOURCES` when nobody who has it can be reached, what the
 * download throws, and what `installTarget` throws; the verified files stay in the library then.
 */
export async function getAdapter(parts: GetParts, request: GetRequest, options: WishOptions = {}): Promise<GetResult> {
  const roomIds = request.room === undefined ? [] : parts.rooms.resolve([request.room]);
  const { id, name, downloaded } = await fetchOrFind(parts, request, roomIds, options);
  const path = request.out === undefined ? downloaded.path : await copyOut(downloaded.path, request.out);
  const result = { id, name, ...downloaded, path };
  if (request.install !== true) return result;

  const install = await installTarget(
    parts,
    {
      target: id,
      ...(request.base === undefined ? {} : { base: request.base }),
      ...(request.as === undefined ? {} : { as: request.as }),
    },
    options,
  );
  return { ...result, model: install.model, install };
}

async function fetchOrFind(
  parts: GetParts,
  request: GetRequest,
  roomIds: readonly string[],
  options: WishOptions,
): Promise<{ id: string; name: string; downloaded: Downloaded }> {
  const here = findInLibrary(parts, request.target);
  if (here) return here;
  const entry = await appear(parts, request.target, roomIds, options);
  const wanted = { id: entry.id, release: entry.release, roomIds, maxRate: request.maxRate ?? 0 };
  const downloaded = await watch(parts, wanted, options);
  return { id: entry.id, name: entry.name, downloaded };
}

function findInLibrary(
  { library, ...rest }: GetParts,
  target: string,
): { id: string; name: string; downloaded: Downloaded } | undefined {
  const here = findHere({ library, ...rest }, target);
  const item = here && library.get(here.id);
  if (!item) return undefined;
  const { id, name, folder, manifest } = item;
  return {
    id,
    name,
    downloaded: {
      path: folder,
      bytes: manifest.size,
      seconds: 0,
      sources: 0,
      resumedBytes: manifest.size,
      refetchedBytes: 0,
    },
  };
}

/** Waits until a room offers what was asked for. */
async function appear(
  { catalog, rooms }: GetParts,
  target: string,
  roomIds: readonly string[],
  { signal, onProgress }: WishOptions,
): Promise<CatalogEntry> {
  const [room] = roomIds;
  const find = (): CatalogEntry => catalog.find(target, room === undefined ? {} : { room });
  const deadline = AbortSignal.timeout(APPEAR_MS);
  for (;;) {
    signal?.throwIfAborted();
    try {
      return find();
    } catch (error) {
      // Without a room nobody can offer it, and a name that several have is not made clear by waiting.
      if (!hasCode(error, 'ID_UNKNOWN') || deadline.aborted || rooms.states(() => 0).length === 0) throw error;
    }
    onProgress?.({ kind: 'find', message: `looking for ${target}` });
    await nextChange(catalog, AbortSignal.any([deadline, ...(signal ? [signal] : [])]));
  }
}

function nextChange(catalog: GetParts['catalog'], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      listening.dispose();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const listening = catalog.onDidChange(end);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** Follows a download for one who asked. Who gives up leaves; the download goes on while others want it. */
async function watch(
  { downloads, clock = monotonicClock }: Pick<GetParts, 'downloads' | 'clock'>,
  request: DownloadRequest,
  { signal, onProgress }: WishOptions,
): Promise<Downloaded> {
  const { id } = request;
  let phase: TransferPhase = 'waiting';
  let activeAt = clock.now();
  let wait: WishProgress | undefined;
  let told: string | undefined;
  const tellWait = (): void => {
    const text = JSON.stringify(wait);
    if (wait && text !== told) onProgress?.(wait);
    told = text;
  };
  const gaveUp = Promise.withResolvers<never>();
  const check = (): void => {
    tellWait();
    // One that is queued goes when it is its turn, and a paused one was paused for a reason that is known.
    if (phase !== 'waiting') activeAt = clock.now();
    if (clock.now() - activeAt > NO_SOURCE_MS) gaveUp.reject(noSource());
    else timer = clock.after(CHECK_MS, check);
  };
  let timer = clock.after(CHECK_MS, check);
  const listening = downloads.follow(id, (state) => {
    const isStillQueued = state.phase === 'queued' && phase === 'queued';
    phase = state.phase;
    if (phase !== 'waiting') activeAt = clock.now();
    wait = standstill(state);
    if (isStillQueued) return; // Its place is told once a second: with hundreds in the queue it changes all the time.
    const { bytesDone, bytesTotal, rate, sources } = state;
    onProgress?.({ kind: 'transfer', id, bytesDone, bytesTotal, rate, sources });
    tellWait();
  });
  try {
    return await Promise.race([downloads.fetch(request, signal), gaveUp.promise]);
  } finally {
    timer.dispose();
    listening.dispose();
  }
}

/** Why it does not move, when it is not for want of a source. */
function standstill({ id, phase, place, problem }: TransferState): WishProgress | undefined {
  if (phase === 'queued' && place !== undefined) return { kind: 'wait', id, phase, place };
  if (phase === 'paused') return { kind: 'wait', id, phase, ...(problem ? { problem } : {}) };
  return undefined;
}

/** Copies the verified files. A file of another content that has one of their names stays, and nothing is copied then. */
async function copyOut(from: string, to: string): Promise<string> {
  const ours = new Set<string>(Object.values(FILE_ROLES).map(({ name }) => name));
  try {
    await mkdir(to, { recursive: true });
    const names = (await readdir(from)).filter((name) => ours.has(name));
    const missing: string[] = [];
    for (const name of names) {
      const there = await readBlob(join(to, name)).catch(ifMissing);
      if (!there) missing.push(name);
      else if (there.digest !== (await readBlob(join(from, name))).digest) throw otherFile(join(to, name));
    }
    for (const name of missing) await copyInto(join(from, name), join(to, name));
    return to;
  } catch (error) {
    throw storageError(error, to);
  }
}

/** By a temporary name, so that a file under its final name is whole. */
async function copyInto(from: string, to: string): Promise<void> {
  const temporary = `${to}.part`;
  try {
    await copyFile(from, temporary, constants.COPYFILE_EXCL);
    await rename(temporary, to);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function ifMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

function otherFile(path: string): LoraSwarmError {
  return new LoraSwarmError(
    'STORE_FAILED',
    `${path} is there already and is another file. Choose an empty folder; the adapter is in the library.`,
  );
}

function noSource(): LoraSwarmError {
  return new LoraSwarmError(
    'NO_SOURCES',
    'Nobody who has this adapter can be reached now. What was fetched is kept; it goes on when somebody is there, or with a retry.',
    { kind: 'retry' },
  );
}
