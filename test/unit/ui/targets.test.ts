import assert from 'node:assert/strict';
import { elementId, parseTarget, parseTargets, targetPath } from '../../../src/ui/targets';
import { idOf } from './states';

const id = idOf('c');
const key = idOf('d');

describe('parseTarget', () => {
  it('reads back what the trees are made of', () => {
    assert.deepEqual(parseTarget(elementId.room('general')), { kind: 'room', room: 'general' });
    for (const isLeaf of [false, true])
      assert.deepEqual(parseTarget(elementId.peer('0123456789abcdef', key, isLeaf)), {
        kind: 'peer',
        room: '0123456789abcdef',
        key,
      });
    assert.deepEqual(parseTarget(elementId.offer('local', key, id)), { kind: 'adapter', id, room: 'local' });
    assert.deepEqual(parseTarget(elementId.offer('local', 'me', id)), { kind: 'adapter', id, room: 'local' });
    for (const element of [elementId.shared(id), elementId.downloaded(id), elementId.transfer('download', id), id])
      assert.deepEqual(parseTarget(element), { kind: 'adapter', id });
    assert.deepEqual(parseTarget(elementId.found('C:\\runs\\one')), { kind: 'path', path: 'C:\\runs\\one' });
    assert.deepEqual(parseTarget(elementId.model('my-lora:latest')), {
      kind: 'model',
      name: 'my-lora:latest',
      adapter: 'ollama:my-lora:latest',
    });
    assert.deepEqual(parseTarget(elementId.ollama('ollama:my-lora:latest#2')), {
      kind: 'model',
      name: 'my-lora:latest',
      adapter: 'ollama:my-lora:latest#2',
    });
  });

  it('reads files of the explorer and ids of other extensions', () => {
    assert.deepEqual(parseTarget({ scheme: 'file', fsPath: '/runs/a', path: '/runs/a' }), {
      kind: 'path',
      path: '/runs/a',
    });
    assert.deepEqual(parseTarget({ id, room: 'local' }), { kind: 'adapter', id, room: 'local' });
    assert.deepEqual(parseTarget({ id, room: 'nowhere' }), { kind: 'adapter', id });
  });

  it('knows nothing else', () => {
    for (const value of [
      undefined,
      null,
      7,
      '',
      'room:',
      'room:../x',
      'offer:local:x',
      `shared:${id}0`,
      `evil:${id}`,
      'found:',
      'ollama:',
      'ollama:#2',
      { scheme: 'http', fsPath: '/x' },
      { id: 'abc' },
      { scheme: 'file', fsPath: 7 },
    ])
      assert.equal(parseTarget(value), undefined, JSON.stringify(value));
  });
});

describe('targetPath', () => {
  it('is what the engine opens: a file, or an adapter inside a model', () => {
    assert.equal(targetPath(parseTarget('found:/runs/a')), '/runs/a');
    assert.equal(targetPath(parseTarget('ollama:my-lora#2')), 'ollama:my-lora#2');
    assert.equal(targetPath(parseTarget(id)), undefined);
    assert.equal(targetPath(undefined), undefined);
  });
});

describe('parseTargets', () => {
  it('takes all selected rows, and the clicked one when nothing is selected', () => {
    const other = idOf('e');

    assert.equal(parseTargets(id, [id, other]).length, 2);
    assert.deepEqual(parseTargets(id, undefined), [{ kind: 'adapter', id }]);
    assert.deepEqual(parseTargets(id, []), [{ kind: 'adapter', id }]);
    assert.deepEqual(parseTargets(undefined), []);
  });
});
