import assert from 'node:assert/strict';
import { FAULTS as ALL } from './all';
import { Bout, inLanes, type Outcome } from './fault';
import { Ground } from './ground';
import { sumOf } from './table';

const FAULTS = ALL.filter(({ isLong }) => !isLong);

/** Most faults wait for something most of the time. */
const AT_A_TIME = 4;

/** Some points of each fault, to be done in two minutes. `npm run test:faults` takes all of them. */
describe('nothing is lost', function () {
  this.timeout(240_000);
  let ground: Promise<Ground> | undefined;
  let everything: Promise<void> | undefined;
  const outcomes = new Map(FAULTS.map(({ id }) => [id, Promise.withResolvers<Outcome>()]));

  before(() => {
    everything = inLanes(FAULTS, AT_A_TIME, async (fault) => {
      const outcome = await Bout.try(fault, { isSample: true, ground: () => (ground ??= Ground.open()) });
      outcomes.get(fault.id)!.resolve(outcome);
    });
  });
  after(async () => {
    await everything;
    await (await ground)?.close();
  });

  for (const { id, title } of FAULTS)
    it(`${id}: ${title}`, async function () {
      const outcome = await outcomes.get(id)!.promise;

      for (const text of outcome.leftOut) console.log(`        left out: ${text}`);
      assert.deepEqual(outcome.failures, []);
      if (outcome.points === 0) this.skip();
      console.log(`        ${sumOf(outcome)}`);
    });
});
