import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { installByManifest } from '../../../src/engine/ollama/routes/manifestRoute';
import { blobPath, importBase, manifestPath } from '../../../src/engine/ollama/modelsFolder';

const FIXTURES = path.resolve(__dirname, '../../fixtures/ollama');
const BASE = path.join(FIXTURES, 'base.gguf');
const ADAPTER = path.join(FIXTURES, 'adapter.gguf');

interface Manifest {
  config: { digest: string };
  layers: { mediaType: string; digest: string; size: number; from?: string }[];
}

describe('install by manifest, without a server', () => {
  let folder: string;

  beforeEach(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'models-'));
    await importBase(folder, { model: 'tiny', gguf: BASE, family: 'llama' });
  });
  afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

  const read = (model: string): Manifest =>
    JSON.parse(fs.readFileSync(manifestPath(folder, model), 'utf8')) as Manifest;
  const files = (): string[] =>
    fs
      .readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((at) => fs.statSync(path.join(folder, at)).isFile());
  const rewrite = (model: string, change: (manifest: Manifest) => unknown): void =>
    fs.writeFileSync(manifestPath(folder, model), JSON.stringify(change(read(model))));

  it('adds the adapter to a copy of the base', async () => {
    const before = fs.readFileSync(manifestPath(folder, 'tiny'));

    const { adapter, manifest } = await installByManifest(folder, { base: 'tiny', gguf: ADAPTER, model: 'p2p-a-b' });

    const made = read('p2p-a-b');
    const base = read('tiny');
    assert.deepEqual(made.config, base.config);
    assert.deepEqual(
      made.layers.map(({ digest }) => digest),
      [base.layers[0]!.digest, adapter.digest],
    );
    assert.deepEqual(
      [made.layers[0]!.from, made.layers[1]!.mediaType],
      ['tiny', 'application/vnd.ollama.image.adapter'],
    );
    assert.deepEqual(fs.readFileSync(blobPath(folder, adapter.digest)), fs.readFileSync(ADAPTER));
    assert.equal(manifest, sha256(fs.readFileSync(manifestPath(folder, 'p2p-a-b'))));
    assert.deepEqual(fs.readFileSync(manifestPath(folder, 'tiny')), before);
  });

  it('leaves no other file, and what a server of another account can read', async () => {
    const before = files();
    const mask = process.umask(0o077);
    try {
      await installByManifest(folder, { base: 'tiny', gguf: ADAPTER, model: 'new' });
    } finally {
      process.umask(mask);
    }

    const added = files().filter((at) => !before.includes(at));
    assert.equal(added.length, 2);
    if (process.platform !== 'win32')
      for (const at of added) assert.equal(fs.statSync(path.join(folder, at)).mode & 0o777, 0o644, at);
  });

  it('never replaces a model, in whatever case its name is written', async () => {
    await importBase(folder, { model: 'Mine', gguf: BASE, family: 'llama' });
    const before = files().map((at) => sha256(fs.readFileSync(path.join(folder, at))));

    for (const model of ['tiny', 'TINY', 'tiny:latest', 'mine', 'tiny:LATEST'])
      await assert.rejects(installByManifest(folder, { base: 'tiny', gguf: BASE, model }), {
        code: 'OLLAMA_MODEL_EXISTS',
      });

    assert.deepEqual(
      files().map((at) => sha256(fs.readFileSync(path.join(folder, at)))),
      before,
    );
  });

  it('replaces a blob that is not what its name says', async () => {
    const { adapter } = await installByManifest(folder, { base: 'tiny', gguf: ADAPTER, model: 'one' });
    fs.writeFileSync(adapter.path, 'half');

    await installByManifest(folder, { base: 'tiny', gguf: ADAPTER, model: 'two' });

    assert.deepEqual(fs.readFileSync(adapter.path), fs.readFileSync(ADAPTER));
  });

  it('refuses a base that is missing, adapted, or kept in a form it does not know', async () => {
    const install = (base: string): Promise<unknown> =>
      installByManifest(folder, { base, gguf: ADAPTER, model: 'new' });
    await installByManifest(folder, { base: 'tiny', gguf: ADAPTER, model: 'adapted' });

    await assert.rejects(install('other'), { code: 'BASE_MISSING' });
    await assert.rejects(install('../../etc/passwd'), { code: 'OLLAMA_MODEL_UNKNOWN' });
    await assert.rejects(install('adapted'), { code: 'BASE_UNFIT' });
    for (const change of [
      (manifest: Manifest) => ({ ...manifest, layers: undefined, manifests: [] }),
      (manifest: Manifest) => ({ ...manifest, layers: [...manifest.layers, ...manifest.layers] }),
      (manifest: Manifest) => ({ ...manifest, config: { digest: '../x' } }),
      () => [],
    ]) {
      const whole = fs.readFileSync(manifestPath(folder, 'tiny'));
      rewrite('tiny', change);
      await assert.rejects(install('tiny'), { code: 'OLLAMA_ROUTE_UNAVAILABLE' });
      fs.writeFileSync(manifestPath(folder, 'tiny'), whole);
    }
    assert.ok(!fs.existsSync(manifestPath(folder, 'new')));
  });

  it('stops when it is told to and leaves nothing', async () => {
    const before = files();

    const install = installByManifest(
      folder,
      { base: 'tiny', gguf: ADAPTER, model: 'new' },
      { signal: AbortSignal.abort() },
    );

    await assert.rejects(install, { name: 'AbortError' });
    assert.deepEqual(files(), before);
  });
});

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
