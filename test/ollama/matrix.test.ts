import assert from 'node:assert/strict';
import { BASES } from '../helpers/gold';
import { FakeOllama } from '../helpers/fakeOllama';
import { RealOllama } from '../helpers/realOllama';
import { findOllamas } from '../run/machine';
import { distance, measureMatrix, ROUTES, type Answers, type Cell, type Measured } from './matrix';
import { sectionOf, writtenSection } from './matrixPage';

/** Adapters move these by 2 and more. The same layers give the same to the last bit. */
const SAME = 1e-3;
/** Merged into F32 weights the sums run in another order, and the cache of keys and values is rounded to F16. */
const SAME_MERGED = 2e-2;
const MOVED = 0.5;

const programs = findOllamas();
const real: Measured[] = [];

for (const program of programs)
  describe(`every route and base architecture in ${program}`, function () {
    this.timeout(180_000);
    let measured: Measured;

    before(async () => {
      const server = await RealOllama.start(program);
      try {
        measured = await measureMatrix(server);
      } finally {
        await server.close();
      }
      real.push(measured);
      console.log(sectionOf(measured).replace(/^/gm, '      '));
    });

    it('does what it did by another route, or says why it does not', () => {
      let compared = 0;
      for (const architecture of BASES) {
        const [first, ...others] = installed(measured, architecture);
        if (!first) continue;
        assert.equal(first.effect, 'changed', `${architecture}: ${first.route}`);
        const moved = distance(first.base, first.answers);
        if (moved !== undefined) assert.ok(moved > MOVED, `${architecture} moves by ${moved}`);
        for (const other of others) {
          const limit = other.route === 'merge' ? SAME_MERGED : SAME;
          assertSame(first.answers, other.answers, limit, `${architecture}: ${first.route}, ${other.route}`);
          assert.equal(other.effect, 'changed', `${architecture}: ${other.route}`);
          compared++;
        }
      }
      assert.ok(compared >= 4, `${compared} routes were compared`);
    });

    it('asks nobody on the internet', () => assert.deepEqual(measured.outside, []));

    it('is what docs/ollama.md says', function () {
      const written = writtenSection(measured.version);
      if (written === undefined) return this.skip(); // A version of somebody's own.
      assert.equal(sectionOf(measured), written, 'update the page with npm run docs:ollama');
      return undefined;
    });
  });

describe('every route and base architecture in real Ollamas', () => {
  it('gives the same on each version that tells probabilities', function () {
    const [first, ...others] = real.filter(({ cells }) =>
      cells.some((cell) => cell.outcome === 'installed' && distance(cell.base, cell.answers) !== undefined),
    );
    if (!first || others.length === 0) return this.skip();
    for (const architecture of BASES)
      for (const other of others) {
        const [here] = installed(first, architecture);
        const [there] = installed(other, architecture);
        assertSame(here!.answers, there!.answers, SAME, `${architecture}: ${first.version}, ${other.version}`);
      }
    return undefined;
  });
});

describe('every route and base architecture in a fake Ollama', function () {
  this.timeout(60_000);
  for (const version of ['0.34.0', '0.34.2'] as const) {
    if (programs.some((program) => program.includes(version))) continue; // The real one is asked.
    it(`${version} works, or says why not`, async () => {
      const fake = await FakeOllama.start(version);

      const { cells, outside } = await measureMatrix(fake).finally(() => fake.close());

      assert.deepEqual(outside, []);
      for (const cell of cells) {
        const isRefused = cell.route === 'create' && version === '0.34.2';
        assert.equal(cell.outcome, isRefused ? 'refused' : 'installed', `${cell.architecture} ${cell.route}`);
        if (cell.outcome === 'installed') assert.equal(cell.effect, 'changed');
      }
      assert.equal(cells.length, BASES.length * ROUTES.length);
    });
  }
});

type Installed = Extract<Cell, { outcome: 'installed' }>;

function installed({ cells }: Measured, architecture: string): Installed[] {
  return cells.filter((cell): cell is Installed => cell.outcome === 'installed' && cell.architecture === architecture);
}

/** By probabilities, or where Ollama tells none, by words. */
function assertSame(some: Answers, others: Answers, limit: number, what: string): void {
  const off = distance(some, others);
  if (off === undefined) assert.equal(some.words, others.words, what);
  else assert.ok(off < limit, `${what}: off by ${off}`);
}
