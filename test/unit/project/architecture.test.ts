import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../run/machine';
import { findCycles, importsOf, sourceFiles, type Import } from './imports';

/** Left may be imported by right. Names on one line do not know each other, but for those of the ground. */
const LAYERS: readonly (readonly string[])[] = [
  ['errors', 'events', 'lifecycle', 'limits', 'log', 'state', 'settings', 'plainText'],
  ['adapter'],
  ['release', 'identity'],
  ['store'],
  ['registry', 'net', 'ollama'],
  ['transfer'],
  ['flows'],
  ['engine'],
  ['service'],
  ['ui', 'cli'],
  ['api'],
  ['extension'],
];

/** Types of the facade: every part may name them, and they name what they carry. */
const WISHES = ['src/engine/wishes.ts', 'src/engine/deployWishes.ts'];

/** A file that holds more than this holds more than one idea. */
const MAX_LINES = 450;

const files = sourceFiles(ROOT, ['src', 'webview']);
const imports = files.flatMap((file) => importsOf(ROOT, file));

/** The name in the picture that a file belongs to. */
function placeOf(file: string): string | undefined {
  const match = /^src\/(?:engine\/)?([A-Za-z]+)(?:\/|\.ts$)/.exec(file);
  const isEnginePart = file.startsWith('src/engine/');
  const layer = LAYERS.findIndex((names) => match !== null && names.includes(match[1]!));
  const isInItsFolder = layer >= 0 && isEnginePart === layer < LAYERS.findIndex((names) => names.includes('service'));
  return isInItsFolder ? match![1] : undefined;
}

function mayImport({ from, to, isTypeOnly }: Import): boolean {
  if (from.startsWith('webview/')) return to.startsWith('webview/') || to.startsWith('src/shared/');
  if (to.startsWith('webview/')) return false;
  if (from.startsWith('src/shared/'))
    return to.startsWith('src/shared/') || (isTypeOnly && [...WISHES, 'src/engine/state.ts'].includes(to));
  if (to.startsWith('src/shared/')) return placeOf(from) === 'ui';
  if (WISHES.includes(to)) return isTypeOnly;
  if (WISHES.includes(from)) return isTypeOnly && layerOf(to) <= layerOf('src/engine/adapter/adapterInfo.ts');
  if (to === 'package.json') return placeOf(from) === 'service';
  return placeOf(from) === placeOf(to) || layerOf(to) < layerOf(from) || (layerOf(from) === 0 && layerOf(to) === 0);
}

function layerOf(file: string): number {
  const place = placeOf(file);
  const layer = LAYERS.findIndex((names) => place !== undefined && names.includes(place));
  return layer < 0 ? Infinity : layer;
}

const shown = (found: readonly Import[]) => found.map(({ from, to }) => `${from} imports ${to}`);
const outside = (found: Import) => !found.to.startsWith('src/') && !found.to.startsWith('webview/');

describe('architecture', () => {
  it('gives every module a place in the picture', () => {
    const known = (file: string) =>
      placeOf(file) !== undefined || WISHES.includes(file) || /^(src\/shared\/|webview\/)|\.d\.ts$/.test(file);

    assert.ok(files.length > 50);
    assert.deepEqual(
      files.filter((file) => !known(file)),
      [],
    );
  });

  it('lets imports point one way', () => {
    const inside = imports.filter((one) => !outside(one) || one.to === 'package.json');

    assert.ok(inside.length > 50);
    assert.deepEqual(shown(inside.filter((one) => !mayImport(one))), []);
  });

  it('has limits that know nothing else', () => {
    assert.deepEqual(shown(imports.filter(({ from }) => from === 'src/engine/limits.ts')), []);
    assert.ok(imports.filter(({ to }) => to === 'src/engine/limits.ts').length > 5);
  });

  it('knows a wrong direction when it sees one', () => {
    const wrong = (from: string, to: string, isTypeOnly = false) => !mayImport({ from, to, isTypeOnly });

    assert.ok(wrong('src/engine/adapter/inspect.ts', 'src/engine/store/blobs.ts'));
    assert.ok(wrong('src/engine/net/swarm.ts', 'src/engine/registry/catalog.ts'));
    assert.ok(wrong('src/engine/transfer/leecher.ts', 'src/ui/text.ts', true));
    assert.ok(wrong('src/engine/errors.ts', 'src/engine/adapter/adapterInfo.ts', true));
    assert.ok(wrong('src/engine/ollama/client.ts', 'src/engine/wishes.ts'));
    assert.ok(wrong('src/cli.ts', 'src/ui/text.ts'));
    assert.ok(wrong('webview/main.ts', 'src/engine/errors.ts'));
    assert.ok(wrong('src/shared/panelProtocol.ts', 'src/engine/state.ts'));
    assert.equal(wrong('src/engine/ollama/client.ts', 'src/engine/wishes.ts', true), false);
    assert.equal(wrong('src/service/client.ts', 'src/engine/engine.ts'), false);
  });

  it('has no circle of imports that run', () => {
    assert.deepEqual(findCycles(imports), []);
    const circle = ['a', 'b', 'a'].map((from, at, all) => ({ from, to: all[at + 1] ?? 'b', isTypeOnly: false }));
    assert.equal(findCycles(circle).length, 1);
  });

  it('knows VS Code in the window only', () => {
    const users = imports.filter(({ to }) => to === 'vscode').map(({ from }) => from);

    assert.ok(users.length > 0);
    assert.deepEqual(
      users.filter((file) => !/^src\/(ui\/|extension\.ts$|api\.ts$)/.test(file)),
      [],
    );
  });

  it('touches the webview toolkit in one file', () => {
    const users = imports.filter(({ to }) => to.startsWith('@vscode/webview-ui-toolkit')).map(({ from }) => from);

    assert.deepEqual([...new Set(users)], ['webview/components.ts']);
  });

  it('has no default export and no barrel', () => {
    const found = files.filter((file) =>
      /^export (default\b|\*|\{[^}]*\} from )/m.test(fs.readFileSync(path.join(ROOT, file), 'utf8')),
    );

    assert.deepEqual(found, []);
  });

  it('keeps files short', () => {
    const lines = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8').split('\n').length;

    assert.deepEqual(
      files.filter((file) => lines(file) > MAX_LINES),
      [],
    );
  });
});
