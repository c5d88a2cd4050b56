import { Emitter } from '../events';
import { DEFAULT_SETTINGS, parseSetting, type SettingKey, type Settings } from '../settings';
import type { Database } from './sqlite';

export interface SettingChange {
  readonly key: SettingKey;
}

/** Settings of this storage folder. What is not set has its default. */
export class SettingsStore {
  readonly #changed = new Emitter<SettingChange>();
  readonly onDidChange = this.#changed.event;

  constructor(private readonly db: Database) {}

  get<K extends SettingKey>(key: K): Settings[K] {
    const value = this.db.get('SELECT value FROM settings WHERE key = ?', key)?.['value'];
    if (value === undefined) return DEFAULT_SETTINGS[key];
    try {
      return parseSetting(key, JSON.parse(value as string));
    } catch {
      return DEFAULT_SETTINGS[key]; // Written by a version with other rules.
    }
  }

  all(): Settings {
    const keys = Object.keys(DEFAULT_SETTINGS) as SettingKey[];
    return Object.fromEntries(keys.map((key) => [key, this.get(key)])) as unknown as Settings;
  }

  /** @returns the value as it was understood. @throws {LoraSwarmError} `SETTING_INVALID` with what is allowed. */
  set<K extends SettingKey>(key: K, value: unknown): Settings[K] {
    const parsed = parseSetting(key, value);
    const before = JSON.stringify(this.get(key));
    this.db.run('INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)', key, JSON.stringify(parsed));
    if (JSON.stringify(parsed) !== before) this.#changed.fire({ key });
    return parsed;
  }
}
