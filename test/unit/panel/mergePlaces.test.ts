import assert from 'node:assert/strict';
import { isMergeKey } from '../../../src/shared/mergeProtocol';
import { MergePlaces } from '../../../src/ui/panel/mergePlaces';

const ID = 'ab'.repeat(32);

describe('keys of what can be merged', () => {
  it('stand for what they were given out for, the same in every window', () => {
    const [one, other] = [new MergePlaces(), new MergePlaces()];

    const key = one.keyOf('/home/ana/runs/sql');

    assert.ok(isMergeKey(key));
    assert.equal(other.keyOf('/home/ana/runs/sql'), key);
    assert.notEqual(one.keyOf('ollama:sql'), key);
    assert.equal(one.targetOf(key), '/home/ana/runs/sql');
    assert.equal(one.keyOf(ID), ID);
    assert.equal(one.targetOf(ID), ID);
  });

  it('lead nowhere when nobody gave them out', () => {
    const key = new MergePlaces().keyOf('/etc/passwd');

    assert.equal(new MergePlaces().targetOf(key), undefined);
    assert.equal(new MergePlaces().targetOf('/etc/passwd'), undefined);
  });

  it('are not kept for ever', () => {
    const places = new MergePlaces();
    const first = places.keyOf('/0');

    for (let at = 1; at <= 2_000; at++) places.keyOf(`/${at}`);

    assert.equal(places.targetOf(first), undefined);
    assert.equal(places.targetOf(places.keyOf('/2000')), '/2000');
  });
});
