import assert from 'node:assert/strict';
import { FAULTS } from './all';
import { Bout } from './fault';
import { Ground } from './ground';
import { sumOf } from './table';

/** Some points of each fault, to be done in two minutes. `npm run test:faults` takes all of them. */
describe('nothing is lost', function () {
  this.timeout(120_000);
  let ground: Promise<Ground> | undefined;
  after(async () => (await ground)?.close());

  for (const fault of FAULTS)
    it(`${fault.id}: ${fault.title}`, async function () {
      const outcome = await Bout.try(fault, { isSample: true, ground: () => (ground ??= Ground.open()) });

      for (const text of outcome.leftOut) console.log(`        left out: ${text}`);
      assert.deepEqual(outcome.failures, []);
      if (outcome.points === 0) this.skip();
      console.log(`        ${sumOf(outcome)}`);
    });
});
