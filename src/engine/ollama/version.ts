import { LoraSwarmError } from '../errors';

/** Older ones can be made to read memory through a crafted GGUF (CVE-2026-7482): nothing from a peer goes there. */
export const OLDEST_VERSION = '0.17.1';
/** Older ones can be made to write outside their folder by a registry (CVE-2026-103663). Ours is on this machine. */
export const SAFE_PULL_VERSION = '0.35.0';

/** Whether `version` comes before `other`. What is built from source says 0.0.0 and is taken for new. */
export function isOlder(version: string, other: string): boolean {
  const [one, two] = [numbers(version), numbers(other)];
  if (!one || !two || one.every((part) => part === 0)) return false;
  for (const [at, part] of one.entries()) if (part !== two[at]) return part < (two[at] ?? 0);
  return version.includes('-') && !other.includes('-'); // 0.17.1-rc0 comes before 0.17.1.
}

/** @throws {LoraSwarmError} `OLLAMA_TOO_OLD` for a version that must not get files of peers. The user's own may go there. */
export function refuseOld(version: string): void {
  if (!isOlder(version, OLDEST_VERSION)) return;
  throw new LoraSwarmError(
    'OLLAMA_TOO_OLD',
    `Ollama ${version} has a hole in reading GGUF files. Update it to ${OLDEST_VERSION} or newer to install what others made.`,
    { kind: 'openUrl', url: 'https://ollama.com/download' },
  );
}

function numbers(version: string): readonly number[] | undefined {
  const match = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version);
  return match ? match.slice(1).map(Number) : undefined;
}
