import { isAbsolute, join } from 'node:path';
import { LoraSwarmError } from '../engine/errors';
import { parseHostPort } from '../engine/settings';

/** Where the engine of this window lives and what the environment says of it. */
export interface EngineSurroundings {
  readonly home: string;
  readonly bootstrap?: readonly string[];
  readonly host?: string;
  readonly ollamaHost?: string;
}

/**
 * Reads the environment as the command line does, so that both find the same engine. The environment comes before the
 * setting: who sets it, means this one process.
 *
 * @throws {LoraSwarmError} `SETTING_INVALID` when a folder is not absolute or a bootstrap node is no `HOST:PORT`.
 */
export function engineSurroundings(
  environment: Readonly<Record<string, string | undefined>>,
  storagePath: string,
  defaultHome: string,
): EngineSurroundings {
  const bootstrap = (environment['LORA_SWARM_BOOTSTRAP'] ?? '').split(',').filter((item) => item.trim() !== '');
  const host = environment['LORA_SWARM_HOST'];
  const ollamaHost = environment['OLLAMA_HOST'];
  return {
    home: absoluteFolder(environment['LORA_SWARM_HOME'] || storagePath || defaultHome, environment),
    ...(bootstrap.length > 0 ? { bootstrap: bootstrap.map(readNode) } : {}),
    ...(host ? { host } : {}),
    ...(ollamaHost ? { ollamaHost } : {}),
  };
}

function readNode(text: string): string {
  const { host, port } = parseHostPort(text);
  return `${host}:${String(port)}`;
}

function absoluteFolder(path: string, environment: Readonly<Record<string, string | undefined>>): string {
  const userHome = environment['HOME'] ?? environment['USERPROFILE'];
  const full = /^~[\\/]/.test(path) && userHome ? join(userHome, path.slice(2)) : path;
  if (isAbsolute(full)) return full;
  throw new LoraSwarmError('SETTING_INVALID', `The storage folder has to be an absolute path, not ${path}.`, {
    kind: 'openSetting',
    key: 'storage.path',
  });
}
