// Which prebuilt llama.cpp fits this machine. CPU only, but for Apple silicon, whose package is small anyway.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const folder = dirname(fileURLToPath(import.meta.url));

const PACKAGES = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'darwin-arm64': 'mac-arm64-metal',
  'darwin-x64': 'mac-x64',
  'win32-x64': 'win-x64',
  'win32-arm64': 'win-arm64',
};

const { version } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages[
  'node_modules/node-llama-cpp'
];
const name = PACKAGES[`${process.platform}-${process.arch}`];

/** `name@version` of the package to add, or undefined where there is none. */
export const platformPackage = name && `@node-llama-cpp/${name}@${version}`;

export const markerPath = join(folder, 'node_modules', '.installed');

/** Whether the last installation ran to its end and is of this version and platform. */
export function isInstalled() {
  return (
    platformPackage !== undefined && existsSync(markerPath) && readFileSync(markerPath, 'utf8') === platformPackage
  );
}
