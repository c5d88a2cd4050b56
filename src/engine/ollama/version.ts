import { LoraSwarmError } from '../errors';
import { OLDEST_OLLAMA } from '../limits';

/** Whether `version` comes before `other`. What is built from source says 0.0.0 and is taken for new. */
export function isOlder(version: string, other: string): boolean {
  const [one, two] = [numbers(version), numbers(other)];
  if (!one || !two || one.every((part) => part === 0)) return false;
  for (const [at, part] of one.entries()) if (part !== two[at]) return part < (two[at] ?? 0);
  return version.includes('-') && !other.includes('-'); // 0.17.1-rc0 comes before 0.17.1.
}

/** @throws {LoraSwarmError} `OLLAMA_TOO_OLD` for a version that must not get files of peers. The user's own may go there. */
export function refuseOld(version: string): void {
  if (!isOlder(version, OLDEST_OLLAMA)) return;
  throw new LoraSwarmError(
    'OLLAMA_TOO_OLD',
    `Ollama ${version} has a hole in reading GGUF files. Update it to ${OLDEST_OLLAMA} or newer to install what others made.`,
    { kind: 'openUrl', url: 'https://ollama.com/download' },
  );
}

function numbers(version: string): readonly number[] | undefined {
  const match = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version);
  return match ? match.slice(1).map(Number) : undefined;
}
