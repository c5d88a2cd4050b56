import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { InstallRouteName } from '../../src/engine/deployWishes';
import { silentLog } from '../../src/engine/log';
import { OllamaClient } from '../../src/engine/ollama/client';
import { tidyUp } from '../../src/engine/ollama/install/endWork';
import { installAdapter, type InstallParts, type InstallRequest } from '../../src/engine/ollama/install/install';
import { InstallLock } from '../../src/engine/ollama/install/installLock';
import { readBase } from '../../src/engine/ollama/models';
import type { PayloadSources } from '../../src/engine/ollama/routes/survey';
import { uninstallModel } from '../../src/engine/ollama/install/uninstall';
import { FakeOllama, type Fault } from '../helpers/fakeOllama';
import { fixture } from '../helpers/gold';
import { MemoryMadeModels } from '../helpers/memoryMadeModels';
import { loraFile } from '../helpers/payloads';

const BASE = fixture('ollama', 'base.gguf');
const MERGED = fixture('llama', 'base.f32.gguf');

const FAULTS: readonly Fault[] = [
  { kind: 'reset' },
  { kind: 'status', status: 400, error: 'no' },
  { kind: 'status', status: 500, error: 'write /blobs/sha256-1: no space left on device' },
  { kind: 'status', status: 503, error: 'server busy, please try again.  maximum pending requests exceeded' },
  { kind: 'errorLine', error: 'write /blobs/sha256-1: no space left on device' },
  { kind: 'cut' },
  { kind: 'unfinished' },
  { kind: 'restarted' },
];

/** Route `manifest` asks for none. */
const IN_STREAMS = new Set(['errorLine', 'cut', 'unfinished']);

const ROUTES: readonly (readonly [InstallRouteName, string])[] = [
  ['create', '0.34.0'],
  ['pull', '0.34.2'],
  ['manifest', '0.34.2'],
  ['merge', '0.34.2'],
];

for (const [route, version] of ROUTES)
  describe(`an install by ${route} with a fault in any of its requests`, function () {
    this.timeout(60_000);
    let fake: FakeOllama;
    let parts: InstallParts & { readonly made: MemoryMadeModels };
    let request: InstallRequest;
    let initially: readonly string[];
    /** What a good one asks. */
    let requests: readonly string[];

    before(async () => {
      fake = await FakeOllama.start(version);
      fake.addModel('tiny', BASE);
      fake.addModel('theirs', BASE, fixture('ollama', 'zero.gguf'));
      const client = new OllamaClient(fake.url);
      parts = { client, made: new MemoryMadeModels(), log: silentLog, lock: new InstallLock() };
      request = {
        sources: route === 'merge' ? MERGED_FILE : loraFile(fixture('ollama', 'adapter.gguf')),
        isOwn: true,
        adapterId: 'a'.repeat(64),
        base: await readBase(client, 'tiny'),
        ...{ author: 'ana', name: 'sql', prefix: 'p2p', route, isCostConfirmed: true },
      };
      initially = snapshot();
      fake.requests.length = 0;
      const { model } = await installAdapter(parts, request);
      requests = [...fake.requests];
      await uninstallModel(parts, model);
      assert.deepEqual(snapshot(), initially);
      assert.ok(requests.length > 5, requests.join());
    });
    after(() => fake.close());

    for (const fault of route === 'manifest' ? FAULTS.filter(({ kind }) => !IN_STREAMS.has(kind)) : FAULTS)
      it(`ends in one state and can be tried again: ${fault.kind} ${'status' in fault ? fault.status : ''}`, async () => {
        let failed = 0;
        for (const [at, what] of requests.entries()) {
          const when = `${fault.kind} at request ${at + 1}, ${what}`;
          void fake.failAt(at + 1, fault);

          const result = await installAdapter(parts, request).catch((error: unknown) => error as Error);

          if (result instanceof Error) {
            failed++;
            assert.equal(result.name, 'LoraSwarmError', `${when}: ${result.stack}`);
            await tidyUp(parts);
            assert.deepEqual(snapshot(), initially, when);
            assert.deepEqual([parts.made.list(), parts.made.works()], [[], []], when);
            await uninstallModel(parts, (await installAdapter(parts, request)).model);
          } else {
            assert.ok(fake.store.find(result.model), when);
            await tidyUp(parts);
            await uninstallModel(parts, result.model);
          }
          assert.deepEqual(snapshot(), initially, `${when}, after the next one`);
        }
        assert.ok(failed > 0 || fault.kind === 'restarted', 'nothing failed');
      });

    it('waits for a slow answer, and ends at once when nobody wants to wait any longer', async () => {
      for (const [at, what] of requests.entries()) {
        const gate = Promise.withResolvers<undefined>();
        const cancel = new AbortController();
        const arrived = fake.failAt(at + 1, { kind: 'wait', until: gate.promise });
        const result = installAdapter(parts, request, cancel.signal).catch((error: unknown) => error as Error);

        await arrived;
        cancel.abort();
        // What must not be left half done goes on: it needs the answer.
        setImmediate(() => gate.resolve(undefined));

        const ended = await result;
        if (ended instanceof Error) assert.equal(ended.name, 'AbortError', `${what}: ${ended.stack}`);
        else await uninstallModel(parts, ended.model);
        await tidyUp(parts);
        assert.deepEqual(snapshot(), initially, what);
        assert.deepEqual([parts.made.list(), parts.made.works()], [[], []], what);
      }
    });

    it('says that Ollama is away, and goes well when it is back', async () => {
      await fake.stop();
      await assert.rejects(installAdapter(parts, request), { code: 'OLLAMA_UNREACHABLE' });
      await fake.restart();

      const { model } = await installAdapter(parts, request);

      await uninstallModel(parts, model);
      assert.deepEqual(snapshot(), initially);
    });

    function snapshot(): readonly string[] {
      return [
        ...fake.store.list().map(({ name, digest }) => `${name} ${digest}`),
        ...fs.readdirSync(path.join(fake.modelsFolder, 'blobs')),
      ].sort();
    }
  });

const MERGED_FILE: PayloadSources = {
  lora: { problem: 'No layer can hold it.' },
  merged: {
    scratch: path.join(os.tmpdir(), 'nothing-is-made-there'),
    plan: () => Promise.resolve({ bytes: fs.statSync(MERGED).size }),
    make: () => Promise.resolve(MERGED),
  },
};
