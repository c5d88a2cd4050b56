import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { withBaseFile } from '../../src/engine/ollama/registry/baseFile';
import { OllamaClient } from '../../src/engine/ollama/client';
import { readBlob } from '../../src/engine/ollama/digest';
import { exportBlob } from '../../src/engine/ollama/registry/export';
import { importBase } from '../../src/engine/ollama/modelsFolder';
import { hideFolder } from '../helpers/hiddenFolder';
import type { TestServer } from './suite';

const BASE = path.resolve(__dirname, '../fixtures/ollama/base.gguf');

/** Reading what Ollama keeps, with and without access to its folders: what must hold on every Ollama. */
export function exportSuite(name: string, start: () => Promise<TestServer>): void {
  describe(`files out of ${name}`, function () {
    this.timeout(60_000);
    let server: TestServer;
    let hidden: Awaited<ReturnType<typeof hideFolder>>;
    let client: OllamaClient;
    let folder: string;
    let digest: string;

    before(async () => {
      server = await start();
      await importBase(server.modelsFolder, { model: 'plain', gguf: BASE, family: 'llama' });
      hidden = await hideFolder(server.url, server.modelsFolder);
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'export-'));
      ({ digest } = await readBlob(BASE));
    });
    beforeEach(() => (client = new OllamaClient(hidden.url)));
    after(async () => {
      await hidden.close();
      await server.close();
      fs.rmSync(folder, { recursive: true });
    });
    afterEach(async () => {
      assert.deepEqual(fs.readdirSync(folder), []);
      assert.deepEqual(
        (await client.tags()).map((tag) => tag.name),
        ['plain:latest'],
      );
      assert.deepEqual(server.outside, []);
    });

    it('come byte for byte, and the model stays as it is', async () => {
      const before = await client.tags();
      const out = path.join(folder, 'base.gguf');
      const seen: [number, number][] = [];

      await exportBlob(client, 'plain', digest, out, undefined, (...progress) => seen.push(progress));

      assert.equal((await readBlob(out)).digest, digest);
      assert.deepEqual(seen.at(-1), [fs.statSync(BASE).size, fs.statSync(BASE).size]);
      assert.deepEqual(await client.tags(), before);
      fs.rmSync(out);
    });

    it('come several at a time', async () => {
      const outs = [1, 2, 3].map((number) => path.join(folder, `${number}.gguf`));

      await Promise.all(outs.map((out) => exportBlob(client, 'plain', digest, out)));

      for (const out of outs) {
        assert.equal((await readBlob(out)).digest, digest);
        fs.rmSync(out);
      }
    });

    it('are read in place where that is possible, and copied only for the time of the use where not', async () => {
      const place = await withBaseFile(new OllamaClient(server.url), 'plain', folder, (file) => Promise.resolve(file));
      const copy = await withBaseFile(client, 'plain', folder, async (file) => {
        assert.equal((await readBlob(file)).digest, digest);
        return file;
      });

      assert.ok(place.startsWith(server.modelsFolder), place);
      assert.equal(path.dirname(copy), folder);
      assert.equal((await readBlob(place)).digest, digest);
    });

    it('are not left when the use fails', async () => {
      const used = withBaseFile(client, 'plain', folder, () => Promise.reject(new Error('no')));

      await assert.rejects(used, { message: 'no' });
    });

    it('are not left when it is cancelled on the way', async () => {
      const cancel = new AbortController();
      const out = path.join(folder, 'base.gguf');

      const result = exportBlob(client, 'plain', digest, out, cancel.signal, () => cancel.abort());

      await assert.rejects(result, { name: 'AbortError' });
    });

    it('are refused by name when there is no such model or no such file in it', async () => {
      const out = path.join(folder, 'base.gguf');

      await assert.rejects(exportBlob(client, 'other', digest, out), { code: 'OLLAMA_MODEL_UNKNOWN' });
      await assert.rejects(exportBlob(client, 'plain', `sha256:${'0'.repeat(64)}`, out), {
        code: 'OLLAMA_FAILED',
        message: /changed/,
      });
      await assert.rejects(
        withBaseFile(client, 'other', folder, () => Promise.resolve()),
        { code: 'OLLAMA_MODEL_UNKNOWN' },
      );
    });

    it('are refused when what Ollama keeps is damaged', async () => {
      const blob = path.join(server.modelsFolder, 'blobs', digest.replace(':', '-'));
      const bytes = fs.readFileSync(blob);
      fs.writeFileSync(blob, Buffer.from(bytes).fill(1, bytes.length - 100));

      const result = exportBlob(client, 'plain', digest, path.join(folder, 'base.gguf'));

      await assert.rejects(result, { code: 'OLLAMA_FAILED', message: /not what its digest says/ });
      fs.writeFileSync(blob, bytes);
    });
  });
}
