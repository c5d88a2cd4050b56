import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { numberOf, pathOrOllama, weightedTarget } from '../../../src/cli/targets';

describe('target with a weight', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-targets-'));
  const resolve = (file: string): string => path.resolve(folder, file);
  const resolveTarget = (target: string): string => (fs.existsSync(resolve(target)) ? resolve(target) : target);
  const read = (word: string): [string, number] => {
    const { target, weight } = weightedTarget(word, { resolve, resolveTarget });
    return [target, weight];
  };
  before(() => fs.mkdirSync(path.join(folder, 'run')));
  after(() => fs.rmSync(folder, { recursive: true }));

  it('has its weight behind the last colon, if that is a number', () => {
    assert.deepEqual(read('run:0.5'), [path.join(folder, 'run'), 0.5]);
    assert.deepEqual(read('abcdef12:-2'), ['abcdef12', -2]);
    assert.deepEqual(read('ana/sql:1e-1'), ['ana/sql', 0.1]);
    assert.deepEqual(read('ana/sql:.5'), ['ana/sql', 0.5]);
    assert.deepEqual(read('run'), [path.join(folder, 'run'), 1]);
  });

  it('may hold colons itself', () => {
    assert.deepEqual(read('ollama:tiny:latest'), ['ollama:tiny:latest', 1]);
    assert.deepEqual(read('ollama:tiny:latest#2:0.25'), ['ollama:tiny:latest#2', 0.25]);
    assert.deepEqual(read('ollama:qwen3:8b'), ['ollama:qwen3:8b', 1]);
    assert.deepEqual(read('C:\\runs\\sql'), ['C:\\runs\\sql', 1]);
    assert.deepEqual(read('C:\\runs\\sql:0.5'), ['C:\\runs\\sql', 0.5]);
    assert.deepEqual(read('run:'), ['run:', 1]);
    assert.deepEqual(read(':5'), [':5', 1]);
  });

  it('is the file that is called like it', function () {
    if (process.platform === 'win32') return this.skip(); // No name of a file holds a colon there.
    fs.writeFileSync(path.join(folder, 'step:3'), '');

    assert.deepEqual(read('step:3'), [path.join(folder, 'step:3'), 1]);
    assert.deepEqual(read(path.join(folder, 'step:3')), [path.join(folder, 'step:3'), 1]);
    assert.deepEqual(read('step:3:2'), [path.join(folder, 'step:3'), 2]);
    return undefined;
  });

  it('is no path when it is inside Ollama', () => {
    assert.equal(pathOrOllama('ollama:tiny', resolve), 'ollama:tiny');
    assert.equal(pathOrOllama('run', resolve), path.join(folder, 'run'));
  });
});

describe('number in an option', () => {
  it('is a number and nothing else', () => {
    assert.deepEqual(
      ['-0.5', '3', '1e3', undefined].map((value) => numberOf('weight', value)),
      [-0.5, 3, 1000, undefined],
    );
    for (const wrong of ['', 'x', '1x', '0x10', 'Infinity', 'NaN', '1e999', '1,5'])
      assert.throws(() => numberOf('weight', wrong), { code: 'USAGE', message: /--weight takes a number/ }, wrong);
  });
});
