import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { AdapterInfo, AdapterShape } from '../adapter/adapterInfo';
import { inspectAdapter } from '../adapter/inspect';
import { packageConfig } from '../adapter/packageConfig';
import { adapterShape } from '../adapter/shape';
import { judgeShape } from '../adapter/verdict';
import type { AdapterLineage } from '../deployWishes';
import { LoraSwarmError } from '../errors';
import { MAX_RELEASE_BYTES, MAX_TEXT_BYTES } from '../limits';
import type { SmallFile } from '../registry/buildShared';
import type { SharedAdapter } from '../registry/registry';
import { requireExtras } from '../release/extras';
import { isNamePart, optional } from '../release/fields';
import { hashPackage } from '../release/hashPackage';
import { type FileRole, type Manifest } from '../release/manifest';
import { signRelease, type Release } from '../release/release';
import type { ShareRequest, ShareResult, WishOptions } from '../wishes';
import { withCleanWeights, type CleanWeights } from './cleanWeights';
import { marksOf } from './meantRooms';
import { readMergeFile } from './mergeFile';
import type { EngineParts } from './parts';

/** Ollama and its disk may be asked this long for the weights of the base; without them the release only names it. */
const DIGEST_MS = 1_500;
const CONFIG_ROLE = 16;
const CARD_ROLE = 17;
const WEIGHT_ROLES = { peft: 1, mlx: 2, gguf: 3 } as const satisfies Record<AdapterInfo['format'], FileRole>;

export type ShareParts = Pick<
  EngineParts,
  'keys' | 'identity' | 'registry' | 'rooms' | 'ollama' | 'store' | 'uriScheme' | 'log'
>;

/** What the place that an adapter comes from tells, beside its files. */
export interface KnownOfAdapter {
  /** `sha256:<hex>` of the weights that it is for. */
  readonly baseDigest?: string;
}

/**
 * Offers an adapter in rooms: inspects, packages, hashes, signs, registers. The weights are read in place, not copied,
 * unless they are a GGUF whose metadata names places on this machine: then a copy without that is what travels.
 *
 * @throws {LoraSwarmError} `CONFIRM_NEEDED` for the public room, `ROOM_UNKNOWN`, `ADAPTER_CONFIG_MISSING` while nobody said
 * the base, `ADAPTER_UNSUPPORTED` for what must not be shared, and what reading the files throws.
 */
export async function shareAdapter(
  parts: ShareParts,
  request: ShareRequest,
  { signal, onProgress }: WishOptions = {},
  known: KnownOfAdapter = {},
): Promise<ShareResult> {
  const rooms = [...new Set(parts.rooms.resolve(request.rooms))];
  if (rooms.includes('general') && request.isPublicConfirmed !== true) throw confirmNeeded();
  const info = await inspectAdapter(request.path, {
    ...(request.base === undefined ? {} : { baseModel: request.base }),
    ...(signal ? { signal } : {}),
  });
  refuse(info);
  return withCleanWeights(
    parts.store,
    info,
    (weights) => offer(parts, { ...request, rooms }, { info, weights, known }, { signal, onProgress }),
    signal,
  );
}

/** Stops sharing. The user's files stay. @throws {LoraSwarmError} `ID_UNKNOWN`, `ID_AMBIGUOUS` */
export async function unshareAdapter(
  { registry, seeder, log }: Pick<EngineParts, 'registry' | 'seeder' | 'log'>,
  target: string,
): Promise<{ id: string; name: string }> {
  const { id, name } = registry.find(target);
  seeder.revoke(id);
  await registry.remove(id);
  log.info(`stopped sharing ${name}`);
  return { id, name };
}

/** Why a shared adapter is not served any more. */
export function sourceMessage({ phase, weightsPath }: Pick<SharedAdapter, 'phase' | 'weightsPath'>): string {
  const how = phase === 'changed' ? 'has changed since it was shared' : 'is gone';
  return `${weightsPath} ${how}, so it is not served any more. Share it again to offer what is there now.`;
}

interface Offered {
  readonly info: AdapterInfo;
  readonly weights: CleanWeights;
  readonly known: KnownOfAdapter;
}

async function offer(
  parts: ShareParts,
  request: ShareRequest,
  { info, weights, known }: Offered,
  { signal, onProgress }: { [K in keyof WishOptions]: WishOptions[K] | undefined },
): Promise<ShareResult> {
  const { rooms } = request;
  const extras = request.extras && requireExtras(request.extras);
  const merge = await readMergeFile(info.weightsPath);

  const smallFiles = await readSmallFiles(info, parts);
  const sources = [
    { role: WEIGHT_ROLES[info.format], source: weights.path },
    ...smallFiles.map(({ role, bytes }) => ({ role, source: bytes })),
  ];
  const { manifest, chunkHashes, quickSums } = await hashPackage(sources, {
    ...(signal ? { signal } : {}),
    onProgress: (bytesDone, bytesTotal) => onProgress?.({ kind: 'hash', bytesDone, bytesTotal }),
  });

  const lineage = merge?.weights === weightsDigest(manifest) ? merge.lineage : undefined;
  if (merge && !lineage) parts.log.warn(`${info.weightsPath} is not what was merged there; shared without lineage`);
  const release = fitting({
    ...(await describe(parts, request, info, { contentId: manifest.id, bytes: manifest.size }, known.baseDigest)),
    ...optional('rooms', marksOf(parts.rooms, rooms, manifest.id)),
    ...(lineage ? { parents: parentsOf(lineage), lineage } : {}),
    ...(extras ? { extras } : {}),
  });
  const signed = signRelease(release, parts.keys);
  parts.store.releaseNumbers.admit(signed); // So that nobody shows us our own old words.
  const shared = await parts.registry.add({
    manifest,
    chunkHashes,
    quickSums,
    release: signed,
    weightsPath: weights.path,
    smallFiles,
    rooms,
    copy: weights.isCopy || request.copy === true,
  });
  parts.log.info(
    `shared ${shared.name} (${manifest.id.slice(0, 8)}) in ${rooms.length === 0 ? 'no room' : rooms.join(', ')}`,
  );
  return {
    id: manifest.id,
    name: shared.name,
    bytes: manifest.size,
    rooms,
    link: adapterLink(parts.uriScheme, manifest.id, rooms),
    privateValues: info.privateValues,
  };
}

/** Weights have the lowest role, so they come first in a manifest. */
function weightsDigest({ files }: Manifest): string {
  return `sha256:${Buffer.from(files[0]!.sha256).toString('hex')}`;
}

function parentsOf({ parts }: AdapterLineage): readonly string[] {
  return [...new Set(parts.flatMap(({ id }) => id ?? []))];
}

/** What the author wrote freely is the only part of a release that can be too much. */
function fitting(release: Release): Release {
  if (Buffer.byteLength(JSON.stringify(release)) <= MAX_RELEASE_BYTES) return release;
  throw new LoraSwarmError(
    'USAGE',
    'System prompt, template and parameters are too long together to travel with the adapter. Shorten them.',
  );
}

/** The link that opens an adapter's page. A private room is named by its id, which only members know. */
export function adapterLink(uriScheme: string, id: string, rooms: readonly string[]): string {
  const [room] = rooms;
  return `${uriScheme}://lora-swarm.lora-swarm/adapter?id=${id}${room === undefined ? '' : `&room=${encodeURIComponent(room)}`}`;
}

function refuse(info: AdapterInfo): void {
  const problem = info.problems.find(({ severity }) => severity === 'refuse');
  if (problem) throw new LoraSwarmError('ADAPTER_UNSUPPORTED', `This adapter can't be shared. ${problem.message}`);
  if (info.format !== 'gguf' && info.configPath === undefined && info.baseModel === undefined)
    throw new LoraSwarmError(
      'ADAPTER_CONFIG_MISSING',
      'There is no adapter_config.json beside these weights, so nothing says which base model they are for. Name the base, or put the config beside the weights.',
    );
}

async function readSmallFiles(info: AdapterInfo, { log }: Pick<ShareParts, 'log'>): Promise<SmallFile[]> {
  const smallFiles: SmallFile[] = [];
  if (info.configPath !== undefined)
    smallFiles.push({ role: CONFIG_ROLE, bytes: packageConfig(await readFile(info.configPath)).bytes });
  if (info.cardPath !== undefined) {
    const card = await readFile(info.cardPath);
    if (card.byteLength > 0 && card.byteLength <= MAX_TEXT_BYTES) smallFiles.push({ role: CARD_ROLE, bytes: card });
    else if (card.byteLength > 0) log.warn(`${info.cardPath} is over 64 KiB and was not shared with the weights`);
  }
  return smallFiles;
}

async function describe(
  parts: ShareParts,
  request: ShareRequest,
  info: AdapterInfo,
  content: { readonly contentId: string; readonly bytes: number },
  knownDigest: string | undefined,
): Promise<Release> {
  const shape = adapterShape(info);
  const base = await weightsOfBase(parts, knownDigest === undefined ? shape : { ...shape, baseDigest: knownDigest });
  const license = request.license ?? info.license;
  return {
    ...content,
    ...nameOf(parts, request, info),
    format: info.format,
    pairs: info.pairs,
    targets: info.targets.slice(0, 64),
    shape: { ...shape, ...(knownDigest === undefined ? {} : { baseDigest: knownDigest }), ...base },
    tags: [...new Set([...(request.tags ?? []), ...info.tags])].slice(0, 10).map((tag) => tag.slice(0, 32)),
    parents: [],
    createdAt: Date.now(),
    sequence: parts.store.releaseNumbers.next(),
    parameters: info.parameters,
    ...(info.rank === undefined ? {} : { rank: info.rank }),
    ...(info.alpha === undefined ? {} : { alpha: info.alpha }),
    ...(info.scale === undefined ? {} : { scale: info.scale }),
    ...(info.dtype === undefined ? {} : { dtype: info.dtype }),
    ...(license === undefined || license === '' ? {} : { license: license.slice(0, 80) }),
  };
}

function nameOf({ identity }: ShareParts, request: ShareRequest, info: AdapterInfo): { author: string; name: string } {
  const parts = (request.name ?? '').split('/');
  const asked =
    parts.length > 1 ? { author: parts[0], name: parts.slice(1).join('/') } : { author: undefined, name: parts[0] };
  for (const part of [asked.author, asked.name || undefined])
    if (part !== undefined && !isNamePart(part))
      throw new LoraSwarmError(
        'USAGE',
        `"${part}" can't be a name. Use letters, digits, dots, hyphens and underscores, at most 64, such as ana/sql-coder.`,
      );
  const me = identity();
  const folder = basename(
    info.format === 'gguf' ? info.weightsPath.replace(/\.gguf$/i, '') : dirname(info.weightsPath),
  );
  return {
    author: asked.author ?? slug(me.name, `peer-${me.key.slice(0, 8)}`),
    name: asked.name || nameFrom(folder),
  };
}

/** A name for an adapter out of free text. */
export const nameFrom = (text: string): string => slug(text, 'adapter');

/** Makes a name part of free text; what is left of a name in another script would be nothing, then the other is taken. */
function slug(text: string, otherwise: string): string {
  const plain = text
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/g, '')
    .slice(0, 64);
  return isNamePart(plain) ? plain : otherwise;
}

/** What the release says of the base's weights beside its name: as much of it as is found out in time. */
async function weightsOfBase(
  { ollama }: ShareParts,
  shape: AdapterShape,
): Promise<Pick<AdapterShape, 'baseDigest' | 'baseFingerprint'>> {
  const signal = AbortSignal.timeout(DIGEST_MS);
  let baseDigest: string | undefined;
  try {
    const bases = await ollama.basesIfThere(signal);
    const judged = judgeShape(shape, bases);
    const base = judged.verdict === 'exact' ? bases.find(({ name }) => name === judged.base) : undefined;
    if (shape.baseDigest !== undefined && shape.baseDigest !== base?.digest) return {}; // Known better than by a name.
    baseDigest = base?.digest;
    const baseFingerprint = base && (await ollama.fingerprintOf(base, signal));
    return { ...optional('baseDigest', baseDigest), ...optional('baseFingerprint', baseFingerprint) };
  } catch {
    return optional('baseDigest', baseDigest); // Slow or broken: it is shared all the same.
  }
}

function confirmNeeded(): LoraSwarmError {
  return new LoraSwarmError(
    'CONFIRM_NEEDED',
    'In the general room anyone can see this adapter, your public key and your IP address. Confirm it to go on.',
  );
}
