import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { packageVsix, thisPlatform } from '../package/vsix';

let made: Promise<string> | undefined;

/** The VSIX of this machine's platform, made once per run: what the suites test is what people install. */
export function vsixOfThisMachine(): Promise<string> {
  made ??= makeVsix();
  return made;
}

async function makeVsix(): Promise<string> {
  const platform = thisPlatform();
  if (!platform) throw new Error(`There is no package for ${process.platform}-${process.arch}.`);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-swarm-vsix-'));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  return packageVsix(platform, folder);
}
