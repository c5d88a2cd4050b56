import assert from 'node:assert/strict';
import {
  DEFAULT_SETTINGS,
  parseHostPort,
  parseRate,
  parseSetting,
  parseSettingKey,
  type SettingKey,
} from '../../../src/engine/settings';
import type { Random } from '../random';
import { tried, type Target } from '../target';
import { anyText, anyValue, decodeValue, encodeValue, mutatedText } from '../values';

const KEYS = Object.keys(DEFAULT_SETTINGS) as SettingKey[];
const SOUND: readonly unknown[] = [
  ...Object.values(DEFAULT_SETTINGS),
  ...['20MB', '1.5 GB/s', '0', '500KB', 'ana', 'p2p', 'http://127.0.0.1:11434', '127.0.0.1:11434', 'always', 'local'],
  ...[['127.0.0.1:49737', 'example.org:1'], 'a.example:1,b.example:2', 'true', 20, 1_000_000],
];

/** From a settings file, the command line or another process: what is taken is kept as JSON and read the same at the next start. */
export const settings: Target = {
  name: 'settings',
  open: () => ({
    make: (random) =>
      encodeValue({ key: random.isOneIn(20) ? anyText(random) : random.pick(KEYS), value: value(random) }),
    take: (input) =>
      tried(['SETTING_INVALID'], () => {
        const { key, value: given } = (decodeValue(input) ?? {}) as { key?: unknown; value?: unknown };
        const known = parseSettingKey(String(key));
        const taken = parseSetting(known, given);
        assert.deepEqual(parseSetting(known, JSON.parse(JSON.stringify(taken))), taken);
      }),
  }),
};

/** Texts that stand in settings and on the command line. */
export const settingTexts: Target = {
  name: 'setting texts',
  open: () => ({
    make: (random) =>
      Buffer.from(random.isOneIn(4) ? anyText(random) : mutatedText(String(random.pick(SOUND)), random)),
    take: (input) => {
      const text = Buffer.from(input).toString('utf8');
      const rate = tried(['SETTING_INVALID'], () => assert.ok(Number.isSafeInteger(parseRate(text))));
      const address = tried(['SETTING_INVALID'], () => {
        const { host, port } = parseHostPort(text);
        assert.deepEqual(parseHostPort(`${host}:${port}`), { host, port });
      });
      return rate === 'accepted' || address === 'accepted' ? 'accepted' : 'refused';
    },
  }),
};

function value(random: Random): unknown {
  if (random.isOneIn(3)) return anyValue(random);
  const sound = random.pick(SOUND);
  return typeof sound === 'string' && !random.isOneIn(4) ? mutatedText(sound, random) : sound;
}
