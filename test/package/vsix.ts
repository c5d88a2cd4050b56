import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { ROOT } from '../run/machine';
import { contentTypes, vsixManifest, type ExtensionPackage } from './vsixManifest';

/** Platforms that get a VSIX: the names are those of VS Code's gallery and of the add-ons' prebuilds alike. */
export const PLATFORMS = [
  'linux-x64',
  'linux-arm64',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64',
  'win32-arm64',
] as const;

export type Platform = (typeof PLATFORMS)[number];

/** The platform of this machine, when there is a VSIX for it. */
export const thisPlatform = (): Platform | undefined =>
  PLATFORMS.find((platform) => platform === `${process.platform}-${process.arch}`);

/** Needed by nobody who runs the extension. */
const DEVELOPMENT_FIELDS = ['devDependencies', 'optionalDependencies', 'scripts', 'private'];

/** For translators: the editor reads the texts of other languages only. */
const ENGLISH = 'l10n/bundle.l10n.json';

/** Same bytes for the same sources, whenever and wherever it is made. Zip knows no time before 1980. */
const FILE_TIME = new Date(Date.UTC(2000, 0, 1));

/** Builds the extension for one platform and zips it. Gives the path of the VSIX. */
export async function packageVsix(platform: Platform, folder: string): Promise<string> {
  const bundle = path.join('out-test', 'package', platform);
  await runNode('esbuild.mjs', '--platform', platform, '--minify', '--outdir', bundle);
  const files = extensionFiles(path.join(ROOT, bundle));
  const packageJson = readPackage();
  const file = path.join(folder, `${packageJson.name}-${platform}-${packageJson.version}.vsix`);

  const zip = new ZipFile();
  const add = (name: string, content: Buffer) =>
    zip.addBuffer(content, name, { mtime: FILE_TIME, mode: 0o100644, forceDosTimestamp: true });
  add('[Content_Types].xml', Buffer.from(contentTypes([...files.keys()])));
  add('extension.vsixmanifest', Buffer.from(vsixManifest(packageJson, platform)));
  for (const [name, source] of files) add(`extension/${name}`, contentOf(name, source));
  fs.mkdirSync(folder, { recursive: true });
  zip.end();
  await pipeline(zip.outputStream, fs.createWriteStream(file));
  fs.rmSync(path.join(ROOT, bundle), { recursive: true });
  return file;
}

/** What an installed extension holds, in the order of its names: name there, and where it is now. */
function extensionFiles(bundle: string): Map<string, string> {
  const rootFiles = fs
    .readdirSync(ROOT)
    .filter((name) => /^(package\.json|package\.nls(\..+)?\.json|README\.md|CHANGELOG\.md|LICENSE)$/.test(name));
  const entries = [
    ...rootFiles.map((name) => [name, path.join(ROOT, name)] as const),
    ...filesUnder(bundle).map((name) => [`dist/${name}`, path.join(bundle, name)] as const),
    ...['media', 'l10n'].flatMap((folder) =>
      filesUnder(path.join(ROOT, folder)).map((name) => [`${folder}/${name}`, path.join(ROOT, folder, name)] as const),
    ),
  ].filter(([name]) => !name.startsWith('media/screenshots/') && name !== ENGLISH);
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function contentOf(name: string, source: string): Buffer {
  const content = fs.readFileSync(source);
  if (name === 'package.json') return Buffer.from(JSON.stringify(withoutDevelopment(), null, 2));
  // Pictures of the real window are too large to install with it.
  if (name === 'README.md')
    return Buffer.from(content.toString().replace(/^!\[.*\]\(media\/screenshots\/.*\)\n/gm, ''));
  return content;
}

function withoutDevelopment(): object {
  return Object.fromEntries(Object.entries(readPackage()).filter(([key]) => !DEVELOPMENT_FIELDS.includes(key)));
}

function readPackage(): ExtensionPackage {
  return JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as ExtensionPackage;
}

function filesUnder(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'));
}

async function runNode(...args: string[]): Promise<void> {
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
}
