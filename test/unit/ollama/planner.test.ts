import assert from 'node:assert/strict';
import type { RoutePlan } from '../../../src/engine/deployWishes';
import type { Ground } from '../../../src/engine/ollama/routes/ground';
import { firstRoute, planRoutes, routesToTry } from '../../../src/engine/ollama/routes/planner';

const GIB = 1024 ** 3;

/** A new Ollama of this machine, with an adapter of 40 MB for a base of 2 GiB. */
const USUAL: Ground = {
  url: 'http://127.0.0.1:11434',
  version: '0.34.2',
  takesAdapters: false,
  isHere: true,
  platform: 'linux',
  base: {
    name: 'llama3.2:latest',
    manifest: 'ab',
    bytes: 2 * GIB,
    weights: `sha256:${'1'.repeat(64)}`,
    weightsPath: '/models/blobs/sha256-1',
    adapters: [],
  },
  architecture: 'llama',
  folder: { path: '/models', isWritable: true, freeBytes: 50 * GIB },
  needs: { adapter: { bytes: 40e6 }, merged: { bytes: 2 * GIB }, scratchFree: 50 * GIB },
};

const works = (ground: Partial<Ground>): string[] => possibleOf(planRoutes({ ...USUAL, ...ground }));
const possibleOf = (plans: readonly RoutePlan[]): string[] =>
  plans.filter(({ isPossible }) => isPossible).map(({ route }) => route);
const reason = (ground: Partial<Ground>, name: RoutePlan['route']): string =>
  planRoutes({ ...USUAL, ...ground }).find(({ route }) => route === name)!.reason;

describe('planner of routes', () => {
  it('prefers what Ollama does itself, then its registry protocol, its folder, a merged copy', () => {
    assert.deepEqual(works({ takesAdapters: true }), ['create', 'pull', 'manifest', 'merge']);
    assert.deepEqual(works({}), ['pull', 'manifest', 'merge']);
    assert.match(reason({}, 'create'), /no longer creates models with adapters/);
  });

  it('says what each route costs, and asks only for a full model', () => {
    const plans = planRoutes({ ...USUAL, takesAdapters: true });

    assert.deepEqual(
      plans.map(({ route, bytesOnDisk, needsConsent }) => [route, bytesOnDisk, needsConsent]),
      [
        ['create', 40e6, false],
        ['pull', 40e6, false],
        ['manifest', 40e6, false],
        ['merge', 2 * GIB, true],
      ],
    );
    assert.ok(plans[3]!.seconds > plans[0]!.seconds);
  });

  it('gives the reason where a route does not work', () => {
    assert.deepEqual(works({ isHere: false, folder: undefined }), []);
    assert.match(reason({ isHere: false }, 'pull'), /another machine/);
    assert.deepEqual(works({ platform: 'win32' }), ['manifest', 'merge']);
    assert.match(reason({ platform: 'win32' }, 'pull'), /name with a port/);
    assert.match(reason({ folder: undefined }, 'manifest'), /cannot be read/);
    assert.match(reason({ folder: { path: '/models', isWritable: false } }, 'manifest'), /cannot be written/);
    assert.deepEqual(works({ folder: undefined }), ['pull', 'merge']);
    assert.match(reason({ isHere: false, folder: undefined }, 'merge'), /cannot be handed over/);
  });

  it('leaves only a merged model where no LoRA layer can carry the adapter', () => {
    const needs = { ...USUAL.needs, adapter: { problem: 'It is DoRA.' } };

    assert.deepEqual(works({ needs, takesAdapters: true }), ['merge']);
    assert.equal(reason({ needs, takesAdapters: true }, 'create'), 'It is DoRA.');
  });

  it('knows which architectures ran without adapters before 0.30', () => {
    assert.deepEqual(works({ version: '0.12.10', architecture: 'qwen3', takesAdapters: true }), ['merge']);
    assert.deepEqual(works({ version: '0.6.5', architecture: 'gemma3', takesAdapters: true }), ['merge']);
    assert.equal(works({ version: '0.12.10', architecture: 'llama', takesAdapters: true }).length, 4);
    assert.equal(works({ version: '0.30.0', architecture: 'qwen3', takesAdapters: true }).length, 4);
    assert.equal(works({ version: '0.0.0', architecture: 'qwen3', takesAdapters: true }).length, 4);
  });

  it('refuses what the disk cannot hold, with the figures', () => {
    const folder = { path: '/models', isWritable: true, freeBytes: 1 * GIB };

    assert.deepEqual(works({ folder }), ['pull', 'manifest']);
    assert.match(reason({ folder }, 'merge'), /needs 2\.1 GB, and 1\.1 GB are free/);
    assert.match(reason({ needs: { ...USUAL.needs, scratchFree: GIB } }, 'merge'), /where it is made/);
    assert.deepEqual(works({ folder: { ...folder, freeBytes: 1e6 } }), []);
  });

  it('takes a route that costs a full model only when somebody agreed', () => {
    const needs = { ...USUAL.needs, adapter: { problem: 'It is DoRA.' } };
    const only = planRoutes({ ...USUAL, needs });
    const names = (route: 'auto' | 'merge', isCostConfirmed: boolean): string[] =>
      routesToTry(only, { route, isCostConfirmed }).map(({ name }) => name);

    assert.throws(() => names('auto', false), { code: 'CONFIRM_NEEDED', message: /2\.1 GB more.*route "merge"/ });
    assert.deepEqual(names('auto', true), ['merge']);
    assert.deepEqual(names('merge', false), ['merge']);
    assert.deepEqual(
      routesToTry(planRoutes(USUAL), { route: 'auto', isCostConfirmed: false }).map(({ name }) => name),
      ['pull', 'manifest'],
    );
  });

  it('refuses a chosen route with its reason, and all with every reason', () => {
    const choice = { isCostConfirmed: false };
    const nothing = planRoutes({ ...USUAL, isHere: false, folder: undefined });

    assert.throws(() => routesToTry(planRoutes(USUAL), { route: 'create', ...choice }), {
      code: 'OLLAMA_ROUTE_UNAVAILABLE',
      message: /no longer creates/,
    });
    assert.throws(() => routesToTry(nothing, { route: 'auto', ...choice }), {
      code: 'OLLAMA_ROUTE_UNAVAILABLE',
      message: /create: .* pull: .* manifest: .* merge: /s,
    });
    assert.equal(firstRoute(nothing, { route: 'auto' }), undefined);
    assert.equal(firstRoute(planRoutes(USUAL), { route: 'auto' }), 'pull');
  });
});
