import assert from 'node:assert/strict';
import path from 'node:path';
import { parseModelfile } from '../../../src/engine/ollama/answers';
import { OllamaClient } from '../../../src/engine/ollama/client';
import { ollamaChecks } from '../../../src/engine/ollama/doctor';
import { listModels, readBase, readBases } from '../../../src/engine/ollama/models';
import { takesAdapters } from '../../../src/engine/ollama/probe';
import { isOlder } from '../../../src/engine/ollama/version';
import { FakeOllama } from '../../helpers/fakeOllama';

const FIXTURES = path.resolve(__dirname, '../../fixtures/ollama');
const BASE = path.join(FIXTURES, 'base.gguf');
const HEX = 'a'.repeat(64);

describe('models of the local Ollama', () => {
  let fake: FakeOllama;
  let client: OllamaClient;

  beforeEach(async () => {
    fake = await FakeOllama.start('0.34.2');
    fake.addModel('tiny', BASE);
    client = new OllamaClient(fake.url);
  });
  afterEach(() => fake.close());

  it('leave out what runs in the cloud, and what carries an adapter is no base', async () => {
    fake.addModel('theirs', BASE, path.join(FIXTURES, 'adapter.gguf'));
    fake.cloud.push('gpt-oss:120b-cloud', 'hidden:latest');

    const models = await listModels(client);
    const bases = await readBases(client);

    assert.deepEqual(
      models.map(({ name, adapterOf }) => [name, adapterOf]),
      [
        ['theirs:latest', 'tiny:latest'],
        ['tiny:latest', undefined],
      ],
    );
    assert.deepEqual(
      bases.map(({ name }) => name),
      ['tiny:latest'],
    );
    await assert.rejects(readBase(client, 'hidden'), { code: 'OLLAMA_MODEL_UNKNOWN' });
  });

  it('are asked for once, until they change', async () => {
    const shows = (): number => fake.requests.filter((line) => line === 'POST /api/show').length;
    await readBases(client);
    const first = shows();

    await readBases(client);
    await listModels(client);
    await readBase(client, 'TINY');

    assert.equal(first, 2); // One without and one with tensors.
    assert.equal(shows(), first);
    fake.addModel('tiny', path.join(FIXTURES, 'base.gguf'), path.join(FIXTURES, 'zero.gguf'));
    assert.deepEqual(await readBases(client), []);
    assert.equal(shows(), first + 1);
  });

  it('are shown although one of them cannot be', async () => {
    fake.addModel('aaa', path.join(FIXTURES, 'adapter.gguf')); // No model at all: it has no shape.
    fake.fail('/api/show', { kind: 'status', status: 500, error: 'damaged' });

    const models = await listModels(client);
    const bases = await readBases(client);

    assert.equal(models.length, 1);
    assert.deepEqual(
      bases.map(({ name }) => name),
      ['tiny:latest'],
    );
    await assert.rejects(readBase(client, 'aaa'), { code: 'BASE_UNKNOWN' });
  });
});

describe('modelfile', () => {
  it('gives digests, on every system', () => {
    const windows = `FROM C:\\Users\\a b\\models\\blobs\\sha256-${HEX}\r\nADAPTER D:\\x\\sha256-${HEX}`;

    assert.equal(parseModelfile(windows).weights?.digest, `sha256:${HEX}`);
    assert.deepEqual(parseModelfile(windows).adapters, [`sha256:${HEX}`]);
  });

  it('is not fooled by what an author wrote into the template', () => {
    const text = `# made\n\nFROM /m/sha256-${HEX}\nTEMPLATE """\nFROM /m/sha256-${'b'.repeat(64)}\nADAPTER /m/sha256-${HEX}\n"""`;

    const { weights, adapters } = parseModelfile(text);

    assert.equal(weights?.digest, `sha256:${HEX}`);
    assert.deepEqual(adapters, []);
  });
});

describe('what Ollama can do', () => {
  it('is found out without a trace', async () => {
    for (const [version, expected] of [
      ['0.34.0', true],
      ['0.34.2', false],
    ] as const) {
      const fake = await FakeOllama.start(version);

      assert.equal(await takesAdapters(new OllamaClient(fake.url)), expected);

      assert.deepEqual([fake.store.list(), fake.outside, fake.requests], [[], [], ['POST /api/create']]);
      await fake.close();
    }
  });

  it('compares versions by number', () => {
    assert.ok(isOlder('0.9.0', '0.17.1') && isOlder('v0.17.0', '0.17.1') && isOlder('0.17.1-rc0', '0.17.1'));
    assert.ok(!isOlder('0.17.1', '0.17.1') && !isOlder('1.0.0', '0.17.1') && !isOlder('0.35.0-rc1', '0.34.9'));
    assert.ok(!isOlder('0.0.0', '0.17.1') && !isOlder('', '0.17.1'));
  });
});

describe('doctor of Ollama', () => {
  it('says that it does not answer and what to do', async () => {
    const fake = await FakeOllama.start();
    await fake.close();

    const checks = await ollamaChecks(fake.url);

    assert.deepEqual(
      checks.map(({ id, ok }) => [id, ok]),
      [['ollama', false]],
    );
    assert.match(checks[0]!.fix!, /loraSwarm\.ollama\.url/);
  });

  it('warns of an old one without models', async () => {
    const fake = await FakeOllama.start('0.17.0');

    const checks = await ollamaChecks(fake.url);

    await fake.close();
    assert.deepEqual(
      checks.map(({ id, ok }) => [id, ok]),
      [
        ['ollama', true],
        ['ollama-version', false],
        ['ollama-route', true],
        ['ollama-models', false],
      ],
    );
    assert.match(checks[1]!.detail, /CVE-2026-7482/);
  });

  it('goes on when one question fails', async () => {
    const fake = await FakeOllama.start('0.34.2');
    fake.fail('/api/create', { kind: 'cut' }, { kind: 'status', status: 500, error: 'oops' });
    fake.fail('/api/tags', { kind: 'status', status: 500, error: 'oops' });

    const checks = await ollamaChecks(fake.url);

    await fake.close();
    assert.deepEqual(
      checks.map(({ ok }) => ok),
      [true, true, true, false],
    );
    assert.match(checks[3]!.detail, /oops/);
  });
});
