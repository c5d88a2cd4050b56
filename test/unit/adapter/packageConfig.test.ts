import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { isLocalName, packageConfig } from '../../../src/engine/adapter/packageConfig';
import { fixture } from '../../helpers/gold';

describe('packageConfig', () => {
  it('gives the very bytes of a config that holds no paths', async () => {
    const bytes = await readFile(fixture('llama/adapters/all-r8/adapter_config.json'));

    const packaged = packageConfig(bytes);

    assert.equal(packaged.bytes, bytes);
    assert.deepEqual(packaged.removed, []);
  });

  it('takes out what MLX-LM wrote of its machine and leaves every other byte', async () => {
    const text = await readFile(fixture('llama/adapters/mlx-qv-last/adapter_config.json'), 'utf8');

    const { bytes, removed } = packageConfig(Buffer.from(text));

    assert.deepEqual([...removed].sort(), ['data', 'model']);
    const expected = text
      .replace('"/Users/alice/private/data"', 'null')
      .replace('"/Users/alice/models/fx-tiny-llama"', 'null');
    assert.equal(Buffer.from(bytes).toString(), expected);
    assert.ok(!/alice/.test(expected));
  });

  it('changes nothing the second time', () => {
    const first = packageConfig(Buffer.from('{"model": "/m",\n\t"x" : ["C:\\\\Users\\\\bob\\\\y", "é"]}'));

    const second = packageConfig(first.bytes);

    assert.equal(Buffer.from(first.bytes).toString(), '{"model": null,\n\t"x" : [null, "é"]}');
    assert.deepEqual(first.removed, ['model', 'x[0]']);
    assert.deepEqual(second, { bytes: first.bytes, removed: [] });
  });

  const paths = [
    '/home/alice/models/llama',
    '/data',
    'C:\\models\\llama',
    'd:/models/llama',
    '\\\\server\\share\\llama',
    '~/models',
    '~',
    '~alice/models',
    'file:///models/llama',
    'FILE:/models',
    '$HOME/models',
    '${DATA}/models',
    '%USERPROFILE%\\models',
    'local:/Users/alice/models',
    'trained with --data /home/alice/private',
  ];
  for (const path of paths) {
    it(`takes ${path} out wherever it stands`, () => {
      const config = Buffer.from(JSON.stringify({ deep: { list: ['kept', { path }] } }));

      assert.deepEqual(packageConfig(config).removed, ['deep.list[1].path']);
    });
  }

  it('takes relative folders out where only a place can stand', () => {
    const config = {
      model: './llama',
      data: '../data',
      adapter_path: '.\\runs',
      parent_library: '..',
      note: './what',
      a: 1,
    };

    const { removed } = packageConfig(Buffer.from(JSON.stringify(config)));

    assert.deepEqual(removed, ['model', 'data', 'adapter_path', 'parent_library']);
  });

  const names = [
    'meta-llama/Llama-3.2-3B',
    'llama3.2:3b',
    'hf',
    'LORA',
    '.*\\.layers\\.\\d+\\.mlp',
    'megatron.core',
    'https://huggingface.co/a/b',
  ];
  for (const name of names) {
    it(`keeps ${name}`, () => {
      const config = Buffer.from(JSON.stringify({ target_modules: name, x: [name] }));

      assert.equal(packageConfig(config).bytes, config);
    });
  }

  it('refuses what it cannot read, because it could not clean it', () => {
    for (const text of [
      '',
      '{',
      '[]',
      '{"a":1,"a":"/home/x"}',
      `{"a":"${'x'.repeat(70_000)}"}`,
      '{"a":'.repeat(9) + '1' + '}'.repeat(9),
    ]) {
      assert.throws(() => packageConfig(Buffer.from(text)), { code: 'ADAPTER_CONFIG_INVALID' });
    }
  });
});

describe('isLocalName', () => {
  it('tells a place from the name of a model', () => {
    for (const name of ['/models/x', './x', '..', 'C:\\x', 'models\\x']) assert.ok(isLocalName(name), name);
    for (const name of ['meta-llama/Llama-3.2-3B', 'llama3.2:3b', 'x']) assert.ok(!isLocalName(name), name);
  });
});
