import { parseSettingKey } from '../engine/settings';
import { facts } from './format';
import type { Verb } from './verbContext';

export const configGet: Verb = async ({ args, engine, output, signal }) => {
  const [key] = args.words;
  const client = await engine();
  const settings = await client.wish('settings', {}, { signal });
  if (key === undefined) {
    output.result({ settings }, facts(Object.entries(settings).map(([name, value]) => [name, show(value)])));
    return;
  }
  const value = settings[parseSettingKey(key)];
  output.result({ key, value }, [show(value)]);
};

export const configSet: Verb = async ({ args, engine, output, signal }) => {
  const [key, text] = args.words as [string, string];
  const client = await engine();
  const { value } = await client.wish('setSetting', { key, value: text }, { signal });
  output.result({ key, value }, [`${key} = ${show(value)}`]);
};

function show(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : String(value);
}
