import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Engine } from '../../src/engine/engine';
import { OllamaClient } from '../../src/engine/ollama/client';
import { importBase } from '../../src/engine/ollama/modelsFolder';
import type { WishProgress } from '../../src/engine/wishes';
import { addAdapted } from '../helpers/addAdapted';
import { FakeOllama } from '../helpers/fakeOllama';
import { hideFolder } from '../helpers/hiddenFolder';
import { RealOllama } from '../helpers/realOllama';
import { TestEngines } from '../helpers/testEngines';
import { findOllamas } from '../run/machine';

const FIXTURES = path.resolve(import.meta.dirname, '../fixtures');
const BASE = path.join(FIXTURES, 'llama/base.f16.gguf');
const DORA = path.join(FIXTURES, 'llama/adapters/dora');
const PLAIN = path.join(FIXTURES, 'llama/adapters/qv-r4');
const LORA_FILE = path.join(FIXTURES, 'llama/lora-gguf/patterns.gguf');

interface Server {
  readonly url: string;
  readonly modelsFolder: string;
  readonly outside: readonly string[];
  close(): Promise<void>;
}

mergesInto('a fake Ollama', () => FakeOllama.start());
for (const program of findOllamas()) mergesInto(`a real Ollama: ${program}`, () => RealOllama.start(program));

function mergesInto(name: string, start: () => Promise<Server>): void {
  describe(`a merge into models of ${name}`, function () {
    this.timeout(60_000);
    let engines: TestEngines;
    let server: Server;
    let hidden: Awaited<ReturnType<typeof hideFolder>>;
    /** Reads Ollama's folder, and finds it closed. */
    let [ana, eve]: Engine[] = [];
    let homes: string[];
    let out: string;

    before(async () => {
      engines = new TestEngines();
      server = await start();
      await importBase(server.modelsFolder, { model: 'tiny', gguf: BASE, family: 'llama' });
      await addAdapted(server.modelsFolder, 'tiny', 'ana-sql', [LORA_FILE]);
      hidden = await hideFolder(server.url, server.modelsFolder);
      const [first, second] = [
        await engines.open('ana', { ollama: server.url }),
        await engines.open('eve', { ollama: hidden.url }),
      ];
      [ana, eve] = [first.engine, second.engine];
      homes = [first.home, second.home];
    });
    beforeEach(() => (out = path.join(engines.folder, 'merged.gguf')));
    afterEach(() => {
      fs.rmSync(out, { force: true });
      for (const home of homes) assert.deepEqual(fs.readdirSync(path.join(home, 'tmp')), []);
    });
    after(async () => {
      assert.deepEqual(server.outside, []);
      await engines.dispose();
      await hidden.close();
      await server.close();
    });

    it('gives the same file from a path, from the model in place, and from a copy that Ollama hands over', async () => {
      const files: Buffer[] = [];
      const seen: WishProgress[] = [];
      for (const [engine, into] of [
        [ana, BASE],
        [ana, 'tiny'],
        [eve, 'tiny'],
      ] as const) {
        const result = await engine!.wish(
          'mergeIntoBase',
          { parts: [{ target: DORA, weight: 1 }], into, out },
          { onProgress: (progress) => seen.push(progress) },
        );

        assert.deepEqual([result.path, result.bytes, result.changed], [out, fs.statSync(out).size, 14]);
        assert.deepEqual(seen.at(-1), { kind: 'merge', bytesDone: result.bytes, bytesTotal: result.bytes });
        files.push(fs.readFileSync(out));
        fs.rmSync(out);
      }

      assert.ok(files.every((file) => file.equals(files[0]!)));
      assert.deepEqual(files[0]!.equals(fs.readFileSync(BASE)), false);
      assert.deepEqual((await new OllamaClient(server.url).tags()).map((tag) => tag.name).sort(), [
        'ana-sql:latest',
        'tiny:latest',
      ]);
    });

    it('says the size and the types before it writes, and plans the same', async () => {
      const parts = [{ target: LORA_FILE, weight: 1 }];
      const lines: string[] = [];
      const seen: string[] = [];

      for (const type of ['keep', 'q8_0'] as const) {
        const planned = await ana!.wish('planMergeIntoBase', { parts, into: 'tiny', type });
        assert.equal(fs.existsSync(out), false);
        const {
          path: _,
          tensors: _tensors,
          changed,
          ...made
        } = await ana!.wish(
          'mergeIntoBase',
          { parts, into: 'tiny', out, type },
          {
            onProgress: (progress) => {
              seen.push(progress.kind);
              if (progress.kind === 'install') lines.push(progress.message);
            },
          },
        );

        assert.deepEqual(made, planned);
        assert.equal(planned.retyped!.length, type === 'keep' ? 0 : changed);
        fs.rmSync(out);
      }

      assert.match(lines[0]!, /^writes [\d.]+ [KM]B$/);
      assert.match(lines[1]!, /^writes [\d.]+ [KM]B; \d+ × F16 become Q8_0$/);
      assert.deepEqual([lines.length, seen[0]], [2, 'install']);
    });

    it('plans by the size of the base where only a copy could be read', async () => {
      const { bytes } = (await new OllamaClient(server.url).tags()).find(({ name }) => name === 'tiny:latest')!;

      const planned = await eve!.wish('planMergeIntoBase', { parts: [{ target: PLAIN, weight: 1 }], into: 'tiny' });

      assert.deepEqual(planned, { bytes });
    });

    it('plans nothing that it would refuse', async () => {
      const parts = [{ target: PLAIN, weight: 1 }];
      const other = path.join(FIXTURES, 'gemma3/base.f32.gguf');

      await assert.rejects(ana!.wish('planMergeIntoBase', { parts, into: 'ana-sql' }), { code: 'BASE_UNFIT' });
      await assert.rejects(ana!.wish('planMergeIntoBase', { parts, into: other }), { code: 'BASE_UNFIT' });
      await assert.rejects(ana!.wish('planMergeIntoBase', { parts: [], into: BASE }), { code: 'USAGE' });
    });

    it('takes several adapters with weights, those inside Ollama models too', async () => {
      const parts = [
        { target: PLAIN, weight: 0.5 },
        { target: 'ollama:ana-sql', weight: -1 },
      ];

      const { changed } = await ana!.wish('mergeIntoBase', { parts, into: 'tiny', out, type: 'f32' });

      assert.equal(changed, 14);
    });

    it('leaves out no adapter that is on the base already', async () => {
      const merge = ana!.wish('mergeIntoBase', { parts: [{ target: PLAIN, weight: 1 }], into: 'ana-sql', out });

      await assert.rejects(merge, { code: 'BASE_UNFIT', message: /carries an adapter/ });
    });

    it('replaces no file', async () => {
      fs.writeFileSync(out, 'mine');

      const merge = ana!.wish('mergeIntoBase', { parts: [{ target: PLAIN, weight: 1 }], into: BASE, out });

      await assert.rejects(merge, { code: 'USAGE', message: /exists already/ });
      assert.equal(fs.readFileSync(out, 'utf8'), 'mine');
    });

    it('ends at once and without a file when it is cancelled', async () => {
      const cancel = new AbortController();
      const merge = eve!.wish(
        'mergeIntoBase',
        { parts: [{ target: PLAIN, weight: 1 }], into: 'tiny', out },
        { signal: cancel.signal, onProgress: () => cancel.abort() },
      );

      await assert.rejects(merge, { name: 'AbortError' });
      assert.equal(fs.existsSync(out), false);
    });

    for (const [what, change] of Object.entries({
      'no adapter': { parts: [] },
      'a weight that is none': { parts: [{ target: PLAIN, weight: NaN }] },
      'a path that depends on where the engine runs': { out: 'merged.gguf' },
      'a file of another kind': { out: path.join(import.meta.dirname, 'merged.bin') },
      'a folder that is not there': { out: path.join(import.meta.dirname, 'missing/merged.gguf') },
      'an unknown type': { type: 'q4_0' as 'keep' },
    }))
      it(`asks again for ${what}`, async () => {
        const request = { parts: [{ target: PLAIN, weight: 1 }], into: BASE, out, ...change };

        await assert.rejects(ana!.wish('mergeIntoBase', request), { code: 'USAGE' });
      });
  });
}
