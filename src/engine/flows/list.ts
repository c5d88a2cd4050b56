import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdapterInfo, AdapterProblem } from '../adapter/adapterInfo';
import type { BaseModel } from '../adapter/baseModel';
import { deltaNorms } from '../adapter/deltaNorms';
import { inspectAdapter } from '../adapter/inspect';
import { judgeShape } from '../adapter/verdict';
import { isAbort } from '../errors';
import type { CatalogEntry } from '../registry/catalog';
import type { SharedAdapter } from '../registry/registry';
import { summaryOf } from '../registry/summary';
import { FILE_ROLES } from '../release/manifest';
import type { SignedRelease } from '../release/release';
import type { AdapterSummary } from '../state';
import type { AdapterDetails, AdapterEntry, Inspection, ListRequest, WishOptions, Wishes } from '../wishes';
import { authorProblems } from './authorProblems';
import { fingerprintOf } from './fingerprint';
import { findOllamaAdapter, isOllamaTarget } from './ollamaTarget';
import type { EngineParts } from './parts';
import { findAdapter, folderOf, inspectTarget } from './targets';

/** Most entries of one answer: a catalog of 10,000 never travels whole. */
const MAX_PAGE = 200;
/** Strengths are worth this wait and no more: they need every tensor, the rest only the header. */
const NORMS_MS = 10_000;

export type ListParts = Pick<
  EngineParts,
  'registry' | 'library' | 'catalog' | 'rooms' | 'ollama' | 'store' | 'keys' | 'authors' | 'names'
>;

/** A page of what rooms offer, or of what this machine shares, judged against the models that are here. */
export async function listAdapters(
  parts: ListParts,
  request: ListRequest,
  signal?: AbortSignal,
): Promise<Wishes['list']['result']> {
  const { offset = 0, limit = MAX_PAGE } = request;
  const count = Math.min(MAX_PAGE, Math.max(0, limit));
  const bases = await parts.ollama.basesIfThere(signal);
  const room = request.room === undefined ? undefined : parts.rooms.resolve([request.room])[0];
  const test = filterOf(request, bases);
  const mine = request.peer === undefined ? minesOf(parts, request, room) : [];

  // Mine stand first. A filter that the catalog does not know needs all of it; else only this page is read.
  const isWhole = request.mine === true || test !== undefined;
  if (isWhole) {
    const offered = request.mine === true ? [] : allOf(parts, request, room);
    const found = merge(parts, mine, offered).filter((entry) => test?.(entry) ?? true);
    return {
      adapters: found.slice(offset, offset + count).map((entry) => judged(parts, entry, bases)),
      total: found.length,
    };
  }
  const head = merge(parts, mine.slice(offset, offset + count), []);
  const page = parts.catalog.search({
    ...catalogFilter(request, room),
    offset: Math.max(0, offset - mine.length),
    limit: count - head.length,
  });
  const ids = new Set(mine.map(({ id }) => id));
  const tail = merge(
    parts,
    [],
    page.entries.filter(({ id }) => !ids.has(id)),
  );
  return { adapters: [...head, ...tail].map((entry) => judged(parts, entry, bases)), total: page.total + mine.length };
}

/** Everything that is known of one adapter, for its page. */
export async function describeAdapter(
  parts: ListParts & Pick<EngineParts, 'log'>,
  target: string,
  options: WishOptions = {},
): Promise<AdapterDetails> {
  const found = await findAdapter(parts, target);
  const id = found.id ?? '';
  const release = found.release ?? parts.catalog.get(id)?.release;
  const item = parts.library.get(id);
  const shared = parts.registry.get(id);
  const offered = parts.catalog.get(id);
  const there = await parts.ollama.basesIfThere(options.signal);
  const bases = release ? await parts.ollama.withFingerprints(release.release.shape, there, options.signal) : there;
  const info =
    found.path === undefined ? undefined : await inspectTarget({ ...found, path: found.path }, options.signal);
  const folder = item?.folder ?? (shared && parts.store.paths.package('shared', id));
  const card =
    folder === undefined ? undefined : await readFile(join(folder, FILE_ROLES[17].name), 'utf8').catch(() => undefined);
  const said = release ? summaryOf(release, parts) : nameless(id);
  const entry: Omit<Listed, 'release'> = {
    ...(info ? { ...said, ...factsOf(info) } : said),
    rooms: [...new Set([...(offered?.rooms ?? []), ...(shared?.rooms ?? [])])],
    sources: offered?.sources ?? [],
    isMine: shared !== undefined,
    isDownloaded: item !== undefined,
  };
  return {
    ...(release ? judged(parts, { ...entry, release }, bases) : entry),
    parents: release?.release.parents ?? [],
    pairs: info?.pairs ?? release?.release.pairs ?? 0,
    models: parts.store.madeModels
      .list()
      .filter(({ adapterId }) => adapterId === id)
      .map(({ model }) => model),
    layers: info ? await normsOf(info, options.signal) : [],
    problems: [...authorProblems(parts, release), ...(info ? [...differences(said, info), ...info.problems] : [])],
    ...(release?.release.version === undefined ? {} : { version: release.release.version }),
    ...(release ? { createdAt: release.release.createdAt, signerFingerprint: fingerprintOf(release.authorKey) } : {}),
    ...(release?.release.lineage === undefined ? {} : { lineage: release.release.lineage }),
    ...(release?.release.extras === undefined ? {} : { extras: release.release.extras }),
    ...(card === undefined ? {} : { card }),
    ...(found.path === undefined ? {} : { path: item?.folder ?? folderOf(found.path) }),
  };
}

const FACTS = ['rank', 'alpha', 'scale', 'dtype', 'architecture', 'baseModel'] as const;

/** What the files say counts more than what their author says of them. */
function factsOf({ format, targets, parameters, ...info }: AdapterInfo): Partial<AdapterSummary> {
  const known = FACTS.filter((key) => info[key] !== undefined).map((key) => [key, info[key]]);
  return { format, targets, parameters, ...(Object.fromEntries(known) as Partial<AdapterSummary>) };
}

function differences(said: Partial<AdapterSummary>, info: AdapterInfo): AdapterProblem[] {
  const keys = FACTS.filter((key) => said[key] !== undefined && info[key] !== undefined && said[key] !== info[key]);
  if (keys.length === 0) return [];
  const message = `Its author says something else than its files: ${keys.join(', ')}. Shown here is what the files say.`;
  return [{ code: 'release-differs', severity: 'warn', message }];
}

/** What an adapter's files say: of a path, or of an adapter inside a model of Ollama. */
export async function inspectPath(parts: ListParts, path: string, signal?: AbortSignal): Promise<Inspection> {
  const found = isOllamaTarget(path) ? await findOllamaAdapter(parts, path, signal) : undefined;
  const info = await (found ? inspectTarget(found, signal) : inspectAdapter(path, signal ? { signal } : {}));
  const { weightsPath, configPath: _config, cardPath: _card, modules: _modules, tags: _tags, ...facts } = info;
  return {
    ...facts,
    path: weightsPath,
    layers: await normsOf(info, signal),
  };
}

async function normsOf(info: Parameters<typeof deltaNorms>[0], signal?: AbortSignal): Promise<Inspection['layers']> {
  if (info.problems.some(({ severity }) => severity === 'refuse')) return [];
  const limit = AbortSignal.timeout(NORMS_MS);
  try {
    return await deltaNorms(info, signal ? AbortSignal.any([signal, limit]) : limit);
  } catch (error) {
    if (signal?.aborted) throw error;
    if (limit.aborted || isAbort(error)) return [];
    throw error;
  }
}

/** An entry with what its verdict needs, which does not travel. */
interface Listed extends Omit<AdapterEntry, 'verdict'> {
  readonly release: SignedRelease;
}

function minesOf({ registry }: ListParts, request: ListRequest, room: string | undefined): SharedAdapter[] {
  const words = (request.search ?? '')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return registry
    .list()
    .filter((shared) => room === undefined || shared.rooms.includes(room))
    .filter(({ name, release: { release } }) =>
      words.every((word) =>
        `${name} ${release.shape.baseModel ?? ''} ${release.tags.join(' ')}`.toLowerCase().includes(word),
      ),
    );
}

function merge(parts: ListParts, mine: readonly SharedAdapter[], offered: readonly CatalogEntry[]): Listed[] {
  const own = mine.map(({ id, release, rooms }) => {
    const also = parts.catalog.get(id);
    return listed(parts, release, [...new Set([...rooms, ...(also?.rooms ?? [])])], also?.sources ?? []);
  });
  const isMine = new Set(mine.map(({ id }) => id));
  const others = offered.filter(({ id }) => !isMine.has(id));
  return [...own, ...others.map(({ release, rooms, sources }) => listed(parts, release, rooms, sources))];
}

function listed(
  parts: ListParts,
  release: SignedRelease,
  rooms: readonly string[],
  sources: readonly string[],
): Listed {
  const summary = summaryOf(release, parts);
  return {
    ...summary,
    rooms,
    sources,
    release,
    isMine: parts.registry.get(summary.id) !== undefined,
    isDownloaded: parts.library.get(summary.id) !== undefined,
  };
}

function allOf({ catalog }: ListParts, request: ListRequest, room: string | undefined): CatalogEntry[] {
  const all: CatalogEntry[] = [];
  for (;;) {
    const page = catalog.search({ ...catalogFilter(request, room), offset: all.length, limit: MAX_PAGE });
    all.push(...page.entries);
    if (page.entries.length === 0 || all.length >= page.total) return all;
  }
}

function catalogFilter(
  { search, peer }: ListRequest,
  room: string | undefined,
): { room?: string; peer?: string; text?: string } {
  return {
    ...(room === undefined ? {} : { room }),
    ...(peer === undefined ? {} : { peer }),
    ...(search === undefined ? {} : { text: search }),
  };
}

/** @returns undefined when the catalog alone can answer. */
function filterOf(request: ListRequest, bases: readonly BaseModel[]): ((entry: Listed) => boolean) | undefined {
  const { fits, fitsAny, base, minRank, maxRank, maxBytes } = request;
  if (
    fits === undefined &&
    !fitsAny &&
    base === undefined &&
    minRank === undefined &&
    maxRank === undefined &&
    maxBytes === undefined
  )
    return undefined;
  return ({ release: { release }, rank, bytes, baseModel }) => {
    if (base !== undefined && !(baseModel ?? '').toLowerCase().includes(base.toLowerCase())) return false;
    if (minRank !== undefined && (rank === undefined || rank < minRank)) return false;
    if (maxRank !== undefined && (rank === undefined || rank > maxRank)) return false;
    if (maxBytes !== undefined && bytes > maxBytes) return false;
    if (fits === undefined && !fitsAny) return true;
    const { verdict } = judgeShape(release.shape, bases, fits);
    return verdict === 'exact' || verdict === 'same-shape';
  };
}

/** By what is known of the bases now: a list does not wait for a disk. */
function judged({ ollama }: ListParts, { release, ...entry }: Listed, bases: readonly BaseModel[]): AdapterEntry {
  const { shape } = release.release;
  ollama.learn(shape, bases);
  return { ...entry, verdict: judgeShape(shape, bases) };
}

function nameless(id: string): Omit<ReturnType<typeof summaryOf>, 'authorKey'> {
  return { id, name: id.slice(0, 8), author: '', format: 'peft', targets: [], bytes: 0, tags: [] };
}
