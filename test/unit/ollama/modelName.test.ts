import assert from 'node:assert/strict';
import {
  chosenModelName,
  freshModelName,
  isCloudName,
  isSameModel,
  parseModelName,
} from '../../../src/engine/ollama/modelName';

describe('model name', () => {
  it('is read as Ollama reads it', () => {
    const host = 'registry.ollama.ai';
    assert.deepEqual(parseModelName('a'), { host, namespace: 'library', model: 'a', tag: 'latest' });
    assert.deepEqual(parseModelName('n/a:t'), { host, namespace: 'n', model: 'a', tag: 't' });
    assert.deepEqual(parseModelName('h.x:80/n/a:t'), { host: 'h.x:80', namespace: 'n', model: 'a', tag: 't' });
  });

  for (const name of ['', '..', 'a/..', '../a', 'a/../b', '/a', 'a/', 'a:', ':a', 'w/x/y/z', 'a b', 'a\\b', 'a\0', 'é'])
    it(`is refused when it is ${JSON.stringify(name)}`, () => assert.equal(parseModelName(name), undefined));

  it('is the same with and without latest, whatever the case', () => {
    assert.ok(isSameModel('Llama3', 'llama3:latest'));
    assert.ok(!isSameModel('llama3', 'llama3:8b'));
    assert.ok(!isSameModel('h:1/n/a', 'h:2/n/a'));
  });

  it('says when a model runs in the cloud', () => {
    assert.ok(isCloudName('gpt-oss:120b-cloud') && isCloudName('x:cloud'));
    assert.ok(!isCloudName('cloud-9:latest'));
  });
});

describe('fresh model name', () => {
  it('is made of prefix, author and name', () => {
    assert.equal(freshModelName('p2p', 'Ana', 'SQL_Coder.v2', []), 'p2p-ana-sql_coder.v2');
    assert.equal(freshModelName('', 'ana', 'sql', []), 'ana-sql');
  });

  it('counts up past taken names, whatever their case', () => {
    assert.equal(freshModelName('p', 'a', 'b', ['P-A-B:latest', 'p-a-b-2:latest']), 'p-a-b-3');
    assert.equal(freshModelName('p', 'a', 'b', ['p-a-b:8b']), 'p-a-b');
  });

  it('is always a name that Ollama takes, of at most 80 characters', () => {
    for (const [author, name] of [
      ['a'.repeat(200), 'b'],
      ['../..', '../../etc'],
      ['', ''],
      ['-', '_'],
      ['evil.example/x', 'y:z'],
      ['żółć', '\u202e🦙'],
      ['a', `${'b'.repeat(72)}-cloud`],
    ] as const) {
      const taken: string[] = [];
      for (let round = 0; round < 12; round++) {
        const fresh = freshModelName('', author, name, taken);

        assert.match(fresh, /^[a-z0-9][a-z0-9._-]{0,79}$/);
        assert.ok(!taken.includes(`${fresh}:latest`));
        taken.push(`${fresh}:latest`);
      }
    }
  });

  it('never ends like a cloud model', () => {
    assert.equal(freshModelName('p2p', 'ana', 'my-cloud', []), 'p2p-ana-my-cloud-lora');
    assert.ok(!isCloudName(freshModelName('', 'a'.repeat(68), 'b-cloudy', [])));
  });
});

describe('chosen model name', () => {
  it('is taken as it is when it is free', () => {
    assert.equal(chosenModelName('SQL:v2', ['sql:latest']), 'SQL:v2');
  });

  it('is refused when a model has it or Ollama would look for it elsewhere', () => {
    assert.throws(() => chosenModelName('SQL', ['sql:latest']), { code: 'OLLAMA_MODEL_EXISTS' });
    for (const name of ['a/b', 'x:cloud', 'x-cloud', 'x:local', '', '../x', 'a'.repeat(81)])
      assert.throws(() => chosenModelName(name, []), { code: 'USAGE' }, name);
  });
});
