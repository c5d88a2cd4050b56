// npm run package [-- PLATFORM…]   Writes one VSIX per platform into the current folder.
import fs from 'node:fs';
import path from 'node:path';
import { PLATFORMS, packageVsix } from './vsix';

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !PLATFORMS.some((platform) => platform === name));
  if (unknown.length > 0) {
    console.error(`No VSIX for ${unknown.join(', ')}. There are ${PLATFORMS.join(', ')}.`);
    return 2;
  }
  for (const platform of PLATFORMS.filter((name) => names.length === 0 || names.includes(name))) {
    const file = await packageVsix(platform, process.cwd());
    console.log(`${path.basename(file)}  ${(fs.statSync(file).size / 1e6).toFixed(2)} MB`);
  }
  return 0;
}

void main(process.argv.slice(2)).then((code) => (process.exitCode = code));
