import assert from 'node:assert/strict';
import { silentLog } from '../../src/engine/log';
import { OllamaClient } from '../../src/engine/ollama/client';
import { installAdapter, type InstallParts } from '../../src/engine/ollama/install/install';
import { InstallLock } from '../../src/engine/ollama/install/installLock';
import { isStagedName } from '../../src/engine/ollama/install/staging';
import { MemoryMadeModels } from '../helpers/memoryMadeModels';
import { FakeOllama } from '../helpers/fakeOllama';
import { RealOllama } from '../helpers/realOllama';
import { findOllamas } from '../run/machine';
import { addModelsOfUser, installRequest, ollamaSuite } from './suite';

ollamaSuite('fake Ollama that creates models with adapters', () => FakeOllama.start('0.34.0'));
ollamaSuite('fake Ollama that no longer does', () => FakeOllama.start('0.34.2'));

const programs = findOllamas();
if (programs.length === 0) console.log('left out: a real Ollama. Name one in OLLAMA_BIN, or put ollama on the PATH.');
for (const program of programs) {
  ollamaSuite(`real Ollama: ${program}`, () => RealOllama.start(program));

  describe(`real Ollama killed in the middle: ${program}`, () => {
    let server: RealOllama;

    beforeEach(async () => {
      server = await RealOllama.start(program);
    });
    afterEach(() => server.close());

    for (const route of ['auto', 'pull'] as const)
      it(`has the models of before, and route ${route} goes well the next time`, async () => {
        await addModelsOfUser(server);
        const parts = partsOf(server);
        const before = await parts.client.tags();
        const request = { ...(await installRequest(parts.client)), route };

        let killed: Promise<void> | undefined;
        const result = installAdapter(parts, request, undefined, () => {
          killed ??= server.kill();
        });
        await assert.rejects(result, { name: 'LoraSwarmError' });
        await killed;
        server = await RealOllama.start(program, server.home);

        const again = partsOf(server);
        const { model } = await installAdapter(again, request);
        const after = (await again.client.tags()).filter(({ name }) => !isStagedName(name));
        assert.equal(model, 'p2p-ana-sql-coder');
        assert.deepEqual(after.map(nameAndDigest).sort(), [...before.map(nameAndDigest), made(again, model)].sort());
        assert.deepEqual(server.outside, []);
      });
  });
}

function partsOf(server: RealOllama): InstallParts {
  const made = new MemoryMadeModels();
  return { client: new OllamaClient(server.url), made, log: silentLog, lock: new InstallLock() };
}

function nameAndDigest({ name, digest }: { name: string; digest: string }): string {
  return `${name} ${digest}`;
}

function made(parts: InstallParts, model: string): string {
  return `${model}:latest ${parts.made.get(model)!.digest}`;
}
