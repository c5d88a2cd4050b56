import type { InstallRouteName, RoutePlan } from '../../deployWishes';
import type { Ground } from './ground';
import { isOlder } from '../version';

/** Hashing here, sending, hashing and writing there. An estimate, as the others below. */
const UPLOAD_BYTES_PER_SECOND = 250e6;
/** Reading a base, changing a part of it and writing it, before it is uploaded. */
const MERGE_BYTES_PER_SECOND = 120e6;
/** What does not depend on the size. */
const FIXED_SECONDS = 1;
/** A disk that is full to the last byte harms everybody on it. */
const RESERVE_BYTES = 256 * 1024 * 1024;

export function possible(
  route: InstallRouteName,
  reason: string,
  cost: Pick<RoutePlan, 'bytesOnDisk' | 'seconds'>,
): RoutePlan {
  return { route, isPossible: true, reason, needsConsent: false, ...cost };
}

export function impossible(route: InstallRouteName, reason: string): RoutePlan {
  return { route, isPossible: false, reason, bytesOnDisk: 0, seconds: 0, needsConsent: false };
}

/** Cost of a LoRA GGUF in Ollama. */
export function adapterCost(bytes: number): Pick<RoutePlan, 'bytesOnDisk' | 'seconds'> {
  return { bytesOnDisk: bytes, seconds: seconds(bytes / UPLOAD_BYTES_PER_SECOND) };
}

/** Cost of a merged base: made from the one that is there, then uploaded. */
export function mergedCost(bytes: number): Pick<RoutePlan, 'bytesOnDisk' | 'seconds'> {
  return { bytesOnDisk: bytes, seconds: seconds(bytes / MERGE_BYTES_PER_SECOND + bytes / UPLOAD_BYTES_PER_SECOND) };
}

/** Why a LoRA layer can't do it, for all routes that add one. */
export function layerProblem({ needs, version, architecture, base, folder }: Ground): string | undefined {
  if ('problem' in needs.adapter) return needs.adapter.problem;
  if (!runsAdapters(version, architecture))
    return `Ollama ${version} runs no adapters on ${architecture} models (0.30 and later do).`;
  return spaceProblem(needs.adapter.bytes, folder?.freeBytes, `the disk of ${base.name}`);
}

export function spaceProblem(bytes: number, free: number | undefined, where: string): string | undefined {
  if (free === undefined || bytes + Math.min(RESERVE_BYTES, free) <= free) return undefined;
  return `It needs ${units(bytes)}, and ${units(free)} are free on ${where}.`;
}

export function units(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1e3)} KB`;
}

/** Architectures of Ollama's own engine before 0.30, by the version that brought them there: it takes no adapters. */
const OWN_ENGINE: readonly (readonly [version: string, architectures: readonly string[]])[] = [
  ['0.6.0', ['gemma3']],
  ['0.12.10', ['gemma3n', 'gptoss', 'llama4', 'mistral3', 'mllama', 'qwen25vl', 'qwen3', 'qwen3moe', 'qwen3vl']],
  ['0.20.0', ['bert', 'deepseek2', 'gemma4', 'nemotron_h', 'olmo3', 'qwen35', 'qwen3next', 'lfm2']],
];

function runsAdapters(version: string, architecture: string): boolean {
  if (!isOlder(version, '0.30.0')) return true;
  return !OWN_ENGINE.some(([since, own]) => own.includes(architecture) && !isOlder(version, since));
}

function seconds(work: number): number {
  return Math.ceil(FIXED_SECONDS + work);
}
