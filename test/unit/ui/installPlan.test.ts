import assert from 'node:assert/strict';
import type { InstallPlan, RoutePlan } from '../../../src/engine/deployWishes';
import type { VerdictKind } from '../../../src/engine/state';
import { installRequest, readWeight, type InstallDraft } from '../../../src/ui/commands/installDraft';
import {
  baseRows,
  isPlain,
  needsBaseChoice,
  planRows,
  type JudgedModel,
  type PlanRow,
} from '../../../src/ui/commands/installPlan';

const route = (change: Partial<RoutePlan> = {}): RoutePlan => ({
  route: 'pull',
  isPossible: true,
  reason: 'Pushes the adapter through a registry on this machine.',
  bytesOnDisk: 24e6,
  seconds: 2,
  needsConsent: false,
  ...change,
});
const plan = (change: Partial<InstallPlan> = {}): InstallPlan => ({
  verdict: { verdict: 'exact', reason: 'Its base is here.', base: 'llama3.2:latest' },
  base: 'llama3.2:latest',
  model: 'p2p-ana-sql',
  chosen: 'pull',
  routes: [route()],
  problems: [],
  ...change,
});
const judged = (name: string, verdict: VerdictKind, adapterOf?: string): JudgedModel => ({
  model: {
    name,
    digest: 'sha256:0',
    bytes: 2e9,
    isOurs: adapterOf !== undefined,
    ...(adapterOf === undefined ? {} : { adapterOf }),
  },
  verdict: { verdict, reason: `${name} says why.`, base: name },
});
const shape = (rows: readonly PlanRow[]): string[] => rows.map(({ kind, label }) => `${kind} ${label}`);
const HOSTILE = '$(zap) [x](command:workbench.action.terminal.new)\u202e\nnext';

describe('planRows', () => {
  it('says the chosen way in one line, with its cost', () => {
    const [first] = planRows(plan());

    assert.equal(first?.kind, 'route');
    assert.equal(first.label, '$(layers) Add to llama3.2 as an adapter: 24 MB, 2 s');
    assert.equal(first.description, 'through a registry on this machine');
    assert.equal(first.route?.route, 'pull');
  });

  it('puts other ways below with their cost, and what is impossible last, with its reason and no way to choose it', () => {
    const rows = planRows(
      plan({
        routes: [
          route({ route: 'create', isPossible: false, reason: 'Ollama 0.34.2 makes no LoRA models.' }),
          route(),
          route({ route: 'merge', bytesOnDisk: 2e9, seconds: 40, needsConsent: true }),
        ],
      }),
    );

    assert.deepEqual(shape(rows), [
      'route $(layers) Add to llama3.2 as an adapter: 24 MB, 2 s',
      'separator Other ways',
      'route $(combine) Merge into a copy of llama3.2: 2 GB, 40 s',
      'separator Not possible here',
      'note $(circle-slash) Made by Ollama',
    ]);
    assert.equal(rows[2]?.description, 'asks first');
    assert.equal(rows[4]?.detail, 'Ollama 0.34.2 makes no LoRA models.');
    assert.equal(rows[4].route, undefined);
  });

  it('offers what needs an agreement first when nothing else works', () => {
    const { chosen, ...rest } = plan({
      routes: [route({ isPossible: false }), route({ route: 'merge', needsConsent: true })],
    });
    assert.equal(chosen, 'pull');

    const rows = planRows(rest);

    assert.equal(rows[0]?.route?.route, 'merge');
  });

  it('shows what would be lost, and that merging loses nothing', () => {
    const rows = planRows(
      plan({ problems: [{ code: 'DORA', severity: 'warn', blocks: 'gguf', message: 'It is a DoRA adapter.' }] }),
    );

    assert.deepEqual(shape(rows).slice(1), ['separator Please note', 'note $(warning) It is a DoRA adapter.']);
    assert.equal(rows.at(-1)?.detail, 'Merged into a base model, it works as it was trained.');
  });

  it('lets no foreign text draw icons, make links or break lines', () => {
    const rows = planRows(
      plan({
        base: HOSTILE,
        routes: [route({ reason: HOSTILE }), route({ route: 'create', isPossible: false, reason: HOSTILE })],
        problems: [{ code: 'X', severity: 'refuse', message: HOSTILE }],
      }),
    );

    for (const { label, description = '', detail = '' } of rows)
      assert.doesNotMatch(
        `${label.replace(/^\$\([a-z-]+\) /, '')} ${description} ${detail}`,
        /\$\(|\]\(command|\n|\u202e/,
      );
  });
});

describe('baseRows', () => {
  it('puts the exact base first, models with adapters apart, and says why others do not fit', () => {
    const models = [
      judged('other:3b', 'same-shape'),
      judged('qwen3:8b', 'unfit'),
      judged('llama3.2:latest', 'exact'),
      judged('p2p-old:latest', 'exact', 'llama3.2:latest'),
    ];

    const rows = baseRows(models);

    assert.deepEqual(shape(rows), [
      'base $(pass) llama3.2:latest',
      'base $(circle-outline) other:3b',
      'separator On top of another adapter',
      'base $(pass) p2p-old:latest',
      'separator Do not fit',
      'note $(circle-slash) qwen3:8b',
    ]);
    assert.equal(rows.at(-1)?.detail, 'qwen3:8b says why.');
    assert.deepEqual(
      rows.map(({ base }) => base).filter((base) => base !== undefined),
      ['llama3.2:latest', 'other:3b', 'p2p-old:latest'],
    );
  });

  it('are asked for only when several bases fit', () => {
    const one = judged('llama3.2:latest', 'exact');

    assert.ok(!needsBaseChoice([]));
    assert.ok(!needsBaseChoice([one, judged('qwen3:8b', 'unfit'), judged('p2p-old', 'exact', 'llama3.2')]));
    assert.ok(needsBaseChoice([one, judged('other:3b', 'same-shape')]));
  });
});

describe('isPlain', () => {
  it('is an install that has nothing to ask', () => {
    assert.ok(isPlain(plan()));
    assert.ok(isPlain(plan({ extras: {} })));
    assert.ok(!isPlain(plan({ extras: { system: 'Be brief.' } })));
    assert.ok(!isPlain(plan({ updates: 'p2p-old' })));
    assert.ok(!isPlain(plan({ routes: [route({ needsConsent: true })] })));
    assert.ok(!isPlain(plan({ routes: [route({ isPossible: false })] })));
    assert.ok(!isPlain(plan({ chosen: 'merge' })));
  });
});

describe('installRequest', () => {
  const draft = (change: Partial<InstallDraft> = {}): InstallDraft => ({
    plan: plan(),
    adapters: [{ target: 'ana/sql', weight: 1 }],
    route: route(),
    isUpdate: false,
    as: 'p2p-ana-sql',
    extras: [],
    ...change,
  });

  it('leaves name and way to the engine where the user took what was proposed', () => {
    assert.deepEqual(installRequest(draft()), { target: 'ana/sql', base: 'llama3.2:latest' });
  });

  it('agrees to a cost only for the way that was agreed to', () => {
    const merge = route({ route: 'merge', needsConsent: true });

    assert.deepEqual(installRequest(draft({ route: merge })), {
      target: 'ana/sql',
      base: 'llama3.2:latest',
      route: 'merge',
      isCostConfirmed: true,
    });
  });

  it('takes a name of the user, or keeps that of the model it replaces', () => {
    assert.equal(installRequest(draft({ as: 'mine' })).as, 'mine');
    const update = installRequest(draft({ isUpdate: true, as: 'mine' }));
    assert.deepEqual([update.isUpdate, update.as], [true, undefined]);
  });

  it('asks for the proposals that were ticked, and for no others', () => {
    const extras = { system: 'Be brief.', template: '{{ .Prompt }}' };

    assert.equal(installRequest(draft({ plan: plan({ extras }) })).extras, undefined);
    assert.deepEqual(installRequest(draft({ plan: plan({ extras }), extras: ['system'] })).extras, ['system']);
  });

  it('weighs the adapter and takes further ones along', () => {
    const one = { target: 'ana/sql', weight: 0.5 };
    const more = [{ target: '/runs/style', weight: -1 }];

    const request = installRequest(draft({ adapters: [one, ...more] }));

    assert.deepEqual([request.target, request.weight, request.more], ['ana/sql', 0.5, more]);
  });
});

describe('readWeight', () => {
  it('takes a number as people write it, and nothing else', () => {
    assert.deepEqual(['1', '0.5', '0,5', '-2', '+.25', '100'].map(readWeight), [1, 0.5, 0.5, -2, 0.25, 100]);
    for (const text of ['', '0', '0.0', '101', 'x', '1e3', '1 2', '--1', 'NaN', 'Infinity', '0x10'])
      assert.equal(readWeight(text), undefined, text);
  });
});
