import { LoraSwarmError } from './errors';
import type { NetworkMode } from './state';

/** What the user can set. The shells hand these in; the engine keeps them in its database. */
export interface Settings {
  /** Shown to peers beside the key. */
  readonly 'identity.displayName': string;
  /** Rejoin the rooms of last time at start. */
  readonly 'rooms.joinAtStart': boolean;
  /** Most bytes of downloads kept, in 10^9 bytes; 0 is no limit. */
  readonly 'storage.maxGB': number;
  /** Empty: `OLLAMA_HOST`, then 127.0.0.1:11434. */
  readonly 'ollama.url': string;
  readonly 'ollama.installAfterDownload': 'ask' | 'always' | 'never';
  /** Starts the name of every model that we make. */
  readonly 'ollama.modelPrefix': string;
  /** Bytes per second, 0 is no limit. `20MB` and `500KB` are understood. */
  readonly 'transfer.downloadLimit': number;
  readonly 'transfer.uploadLimit': number;
  /** Stop downloads and uploads while the system says that the network costs by the byte. */
  readonly 'transfer.pauseOnMetered': boolean;
  readonly 'network.mode': NetworkMode;
  /** `host:port` list of DHT bootstrap nodes; empty is the public Hyperswarm DHT. */
  readonly 'network.bootstrap': readonly string[];
}

export type SettingKey = keyof Settings;

export const DEFAULT_SETTINGS: Settings = {
  'identity.displayName': '',
  'rooms.joinAtStart': true,
  'storage.maxGB': 0,
  'ollama.url': '',
  'ollama.installAfterDownload': 'ask',
  'ollama.modelPrefix': 'p2p',
  'transfer.downloadLimit': 0,
  'transfer.uploadLimit': 0,
  'transfer.pauseOnMetered': true,
  'network.mode': 'all',
  'network.bootstrap': [],
};

/** Looking through a text takes time with the square of its length. */
const MAX_SIZE_LENGTH = 64;
const SIZE = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*?)(?:\/s)?\s*$/;
/** Of what was given, in an error. */
const MAX_SHOWN = 80;

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
};

/** Reads `20MB`, `1.5 GB` or a plain number of bytes. @throws {LoraSwarmError} `SETTING_INVALID` */
export function parseBytes(value: string): number {
  const match = value.length > MAX_SIZE_LENGTH ? undefined : SIZE.exec(value);
  const unit = UNITS[(match?.[2] ?? '?').toUpperCase()];
  const bytes = match && unit !== undefined ? Math.round(Number(match[1]) * unit) : NaN;
  if (!Number.isSafeInteger(bytes)) throw settingInvalid(value, 'a size such as 20MB');
  return bytes;
}

/** @throws {LoraSwarmError} `SETTING_INVALID` for an unknown key. */
export function parseSettingKey(key: string): SettingKey {
  if (!Object.hasOwn(DEFAULT_SETTINGS, key))
    throw settingInvalid(key, `one of ${Object.keys(DEFAULT_SETTINGS).join(', ')}`);
  return key as SettingKey;
}

/** Turns text or a JSON value into the value of a setting. @throws {LoraSwarmError} `SETTING_INVALID` with what is allowed. */
export function parseSetting<K extends SettingKey>(key: K, value: unknown): Settings[K] {
  return PARSERS[key](value);
}

const PARSERS: { readonly [K in SettingKey]: (value: unknown) => Settings[K] } = {
  'identity.displayName': (value) => parseText(value, 80),
  'rooms.joinAtStart': parseBoolean,
  'storage.maxGB': parseAmount,
  'ollama.url': parseOllamaUrl,
  'ollama.installAfterDownload': (value) => oneOf(value, ['ask', 'always', 'never']),
  'ollama.modelPrefix': (value) => {
    const prefix = parseText(value, 20);
    if (!/^[a-z0-9]*$/.test(prefix)) throw settingInvalid(prefix, 'lower-case letters and digits');
    return prefix;
  },
  'transfer.downloadLimit': parseRate,
  'transfer.uploadLimit': parseRate,
  'transfer.pauseOnMetered': parseBoolean,
  'network.mode': (value) => oneOf(value, ['all', 'local', 'private', 'off']),
  'network.bootstrap': (value) => {
    const list = typeof value === 'string' ? value.split(',').filter((item) => item.trim() !== '') : value;
    if (!Array.isArray(list) || list.length > 16) throw settingInvalid(value, 'a list of HOST:PORT');
    return list.map((item: unknown) => {
      if (typeof item !== 'string') throw settingInvalid(item, 'HOST:PORT');
      const { host, port } = parseHostPort(item);
      return `${host}:${port}`;
    });
  },
};

/** @throws {LoraSwarmError} `SETTING_INVALID` when it is not `HOST:PORT`. */
export function parseHostPort(value: string): { host: string; port: number } {
  const match = /^\s*([A-Za-z0-9.-]{1,253}):(\d{1,5})\s*$/.exec(value);
  const port = Number(match?.[2]);
  if (!match || port < 1 || port > 65_535) throw settingInvalid(value, 'HOST:PORT');
  return { host: match[1]!, port };
}

function parseText(value: unknown, limit: number): string {
  if (typeof value !== 'string' || value.length > limit)
    throw settingInvalid(value, `text of at most ${limit} characters`);
  return value.trim();
}

function parseBoolean(value: unknown): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw settingInvalid(value, 'true or false');
}

function parseAmount(value: unknown): number {
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number) || number < 0)
    throw settingInvalid(value, 'a number from 0');
  return number === 0 ? 0 : number; // Not -0, which JSON does not keep.
}

/** Bytes per second, from a number or from text such as `5MB`. @throws {LoraSwarmError} `SETTING_INVALID` */
export function parseRate(value: unknown): number {
  const bytes = typeof value === 'string' ? parseBytes(value) : Math.round(parseAmount(value));
  if (!Number.isSafeInteger(bytes)) throw settingInvalid(value, 'a size such as 20MB');
  return bytes;
}

function parseOllamaUrl(value: unknown): string {
  const text = parseText(value, 300);
  if (text === '') return text;
  const url = URL.canParse(text.includes('://') ? text : `http://${text}`)
    ? new URL(text.includes('://') ? text : `http://${text}`)
    : undefined;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw settingInvalid(value, 'an address such as http://127.0.0.1:11434');
  return url.origin;
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((item) => item === value);
  if (found === undefined) throw settingInvalid(value, `one of ${allowed.join(', ')}`);
  return found;
}

function settingInvalid(value: unknown, expected: string): LoraSwarmError {
  return new LoraSwarmError('SETTING_INVALID', `${shown(value)} is not allowed here. Use ${expected}.`);
}

/** Short, whatever it is: it may come from a workspace, and ends up in dialogs. */
function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(cut(value)) : cut(jsonOf(value) ?? typeof value);
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return typeof value; // A bigint, or a circle.
  }
}

function cut(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
