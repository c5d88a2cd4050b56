import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../run/machine';
import { sourceFiles } from './imports';

interface LockedPackage {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly link?: boolean;
}

const TOP_LEVEL = [
  ...['src', 'webview', 'media', 'test', 'bench', 'docs', 'l10n'],
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'esbuild.mjs', 'eslint.config.mjs'],
  ...['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE'],
];

/** Made by the build and by npm, and not in the repository. */
const MADE = /^(node_modules|dist|out-test|fuzz-found|.*\.vsix|.*\.log)$/;

const read = (file: string): unknown => JSON.parse(fs.readFileSync(path.join(ROOT, file), 'utf8'));

describe('layout', () => {
  it('has nothing at the top that was not planned', () => {
    const found = fs.readdirSync(ROOT).filter((name) => !name.startsWith('.') && !MADE.test(name));

    assert.deepEqual(
      found.filter((name) => !TOP_LEVEL.includes(name) && !/^package\.nls(\.[a-z-]+)?\.json$/.test(name)),
      [],
    );
  });

  it('names files in camel case, after what they export; and tests of threats after the threat', () => {
    const files = sourceFiles(ROOT, ['src', 'webview', 'test']).filter((file) => !file.includes('node_modules/'));

    assert.deepEqual(
      files.filter((file) => !isNamedWell(file)),
      [],
    );
  });
});

describe('package.json', () => {
  const manifest = read('package.json') as {
    readonly engines: Readonly<Record<string, string>>;
    readonly dependencies?: object;
    readonly devDependencies: Readonly<Record<string, string>>;
    readonly extensionKind: readonly string[];
  };
  const locked = (read('package-lock.json') as { readonly packages: Readonly<Record<string, LockedPackage>> }).packages;

  it('asks for the first VS Code that surely has node:sqlite, and is typed against that one', () => {
    const types = locked['node_modules/@types/vscode']!;

    assert.equal(manifest.engines['vscode'], '^1.105.0');
    assert.match(types.version, /^1\.105\./);
    assert.deepEqual(manifest.extensionKind, ['workspace']);
  });

  it('installs nothing with the extension: everything is in the bundle', () => {
    assert.deepEqual(manifest.dependencies ?? {}, {});
  });

  it('has what the extension is made of', () => {
    const parts = ['@types/vscode', 'hyperswarm', 'hypercore-crypto', '@vscode/webview-ui-toolkit', 'esbuild'];

    for (const name of [...parts, '@vscode/test-electron', 'mocha']) assert.ok(manifest.devDependencies[name], name);
  });

  it('is locked without host names, and every download by its hash', () => {
    const packages = Object.entries(locked).filter(([name, { link }]) => name !== '' && link !== true);

    assert.ok(packages.length > 100);
    assert.deepEqual(
      packages.filter(([, { resolved }]) => resolved !== undefined).map(([name]) => name),
      [],
    );
    assert.deepEqual(
      packages.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([name]) => name),
      [],
    );
  });

  it('runs no script of a dependency at install but that of esbuild', () => {
    const scripted = Object.entries(locked).filter(([, { hasInstallScript }]) => hasInstallScript === true);

    // esbuild has one per copy; it only swaps its starter for the binary that npm has already brought.
    assert.deepEqual([...new Set(scripted.map(([name]) => name.replace(/^.*node_modules\//, '')))], ['esbuild']);
  });
});

function isNamedWell(file: string): boolean {
  return (
    /(^|\/)[a-z][A-Za-z0-9]*(\.test|\.d)?\.ts$/.test(file) ||
    /^test\/security\/t\d\d(-[a-z0-9]+)+\.test\.ts$/.test(file)
  );
}
