import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ROOT } from '../run/machine';
import { readZip } from './readZip';
import { PLATFORMS, packageVsix, type Platform } from './vsix';

const MAX_BYTES = 1_000_000;

/** Everything in a package, so that a new file in it is somebody's decision. */
const expectedFiles = (platform: Platform) => [
  '[Content_Types].xml',
  'extension.vsixmanifest',
  ...[
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'dist/cli.js',
    'dist/extension.js',
    'dist/hashThread.js',
    'dist/mergeThread.js',
    `dist/prebuilds/${platform}/sodium-native.node`,
    `dist/prebuilds/${platform}/udx-native.node`,
    'dist/webview/main.js',
    'dist/worker.js',
    'l10n/bundle.l10n.pt-br.json',
    'media/icon.png',
    'media/icon.svg',
    'media/lora-swarm.svg',
    'media/panel.css',
    'media/walkthrough/chat.svg',
    'media/walkthrough/download.svg',
    'media/walkthrough/join.svg',
    'media/walkthrough/share.svg',
    'package.json',
    'package.nls.json',
    'package.nls.pt-br.json',
  ].map((name) => `extension/${name}`),
];

describe('the VSIX', function () {
  this.timeout(60_000);
  let folder: string;
  const packages = new Map<Platform, Buffer>();

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-swarm-package-'));
    for (const platform of PLATFORMS) packages.set(platform, fs.readFileSync(await packageVsix(platform, folder)));
  });

  after(() => fs.rmSync(folder, { recursive: true }));

  const filesOf = (platform: Platform) => readZip(packages.get(platform)!);

  for (const platform of PLATFORMS)
    it(`for ${platform} holds what it needs, nothing else, in less than 1 MB`, () => {
      assert.deepEqual([...filesOf(platform).keys()].sort(), expectedFiles(platform).sort());
      assert.ok(packages.get(platform)!.length < MAX_BYTES, `${packages.get(platform)!.length} bytes`);
    });

  it('names its platform and its files in the manifest', () => {
    const files = filesOf('darwin-arm64');
    const manifest = files.get('extension.vsixmanifest')!.toString();

    assert.match(manifest, /TargetPlatform="darwin-arm64"/);
    const assets = [...manifest.matchAll(/<Asset [^>]*Path="([^"]+)"/g)].map((match) => match[1]!);
    assert.equal(assets.length, 5);
    for (const asset of assets) assert.ok(files.has(asset), asset);
  });

  it('carries the add-ons exactly as npm brought them', () => {
    for (const platform of PLATFORMS)
      for (const name of ['sodium-native', 'udx-native']) {
        const packed = filesOf(platform).get(`extension/dist/prebuilds/${platform}/${name}.node`)!;
        const brought = fs.readFileSync(path.join(ROOT, 'node_modules', name, 'prebuilds', platform, `${name}.node`));
        assert.ok(packed.equals(brought), `${name} for ${platform}`);
      }
  });

  it('says nothing of how it was developed, nor where', () => {
    const files = filesOf('linux-x64');
    const manifest = JSON.parse(files.get('extension/package.json')!.toString()) as Record<string, unknown>;

    for (const field of ['devDependencies', 'optionalDependencies', 'scripts', 'private'])
      assert.equal(manifest[field], undefined, field);
    assert.equal(manifest['name'], 'lora-swarm');
    for (const [name, content] of files) assert.ok(!content.includes(ROOT), `${name} names ${ROOT}`);
  });

  it('shows no picture in its README that it does not carry', () => {
    const files = filesOf('linux-x64');
    const readme = files.get('extension/README.md')!.toString();

    const pictures = [...readme.matchAll(/!\[[^\]]*\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
    assert.deepEqual(
      pictures.filter((picture) => !files.has(`extension/${picture}`)),
      [],
    );
  });

  it('is the same bytes when it is made again', async () => {
    const again = fs.readFileSync(await packageVsix('linux-x64', folder));

    assert.ok(again.equals(packages.get('linux-x64')!));
  });
});
