import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Admission } from '../../src/engine/net/admission';

const KEYS = 100_000;
const MIB = 1024 ** 2;

describe('T44: what is remembered of peers', function () {
  this.timeout(20_000);

  it('is as much after a hundred thousand keys as after some thousand, whatever they did', () => {
    const admission = new Admission();
    const meet = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const key = randomBytes(32).toString('hex');
        const address = `203.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
        const candidate = { key, address, isInbound: true };
        if (admission.enter(candidate) === undefined) admission.leave(candidate);
        admission.mayGuess(candidate);
        admission.mayJoin(candidate, 'general');
        admission.know(candidate, i % 2 === 0);
        admission.countViolation(key);
        admission.banLiar(key);
      }
    };
    meet(5_000); // The tables are full by then.
    const before = memory();

    meet(KEYS);

    const grown = memory() - before;
    assert.ok(grown < 4 * MIB, `${(grown / MIB).toFixed(1)} MiB`);
  });
});

function memory(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
