import assert from 'node:assert/strict';
import type { EngineState, LibraryState } from '../../src/engine/state';
import type { Wishes } from '../../src/engine/wishes';
import { describeInBrowser } from './inBrowser';
import type { OpenOptions, OpenPanel } from './panelPage';
import { contentId, entry, joined } from './samples';

const BASE = 'meta-llama/Llama-3.2-3B-Instruct';
const OUT = '/home/ana/runs/merged';
const here = (index: number, change: Partial<LibraryState> = {}): LibraryState => ({
  ...entry(index),
  baseModel: BASE,
  path: `/home/ana/library/${index}`,
  models: [],
  addedAt: 1,
  ...change,
});
const state: Partial<EngineState> = { ...joined, library: [here(0), here(1), here(2)] };
const merged = (change: Partial<Wishes['mergeAdapters']['result']> = {}): Wishes['mergeAdapters']['result'] => ({
  path: OUT,
  method: 'concat',
  bytes: 34e6,
  pairs: 196,
  rank: 24,
  parents: [],
  error: { whole: 0, modules: [{ name: 'model.layers.0.self_attn.q_proj', error: 0 }] },
  ...change,
});
const page = (options: OpenOptions = {}): OpenOptions => ({
  page: { page: 'merge', parts: [contentId(0), contentId(1)] },
  state,
  pickedFolder: OUT,
  ...options,
  answers: { ollamaAdapters: () => ({ adapters: [] }), mergeAdapters: () => merged(), ...options.answers },
});
const run = (panel: OpenPanel) => panel.page.getByRole('button', { name: 'Merge…' });
/** The toolkit's buttons follow a moment later. */
const isReady = (panel: OpenPanel, isIt: boolean) =>
  panel.page.getByRole('button', { name: 'Merge…', disabled: !isIt }).waitFor();
const asked = (panel: OpenPanel) => panel.wishes.find(({ name }) => name === 'mergeAdapters')?.params;

async function choose(panel: OpenPanel, list: string, option: string): Promise<void> {
  await panel.page.getByRole('combobox', { name: list }).click();
  await panel.page.getByRole('option', { name: option }).click();
}

describeInBrowser('the Merge page', (open) => {
  it('merges what it was opened for, into the folder that was picked outside the page', async () => {
    const panel = await open(page());
    await panel.page.getByText('Exact. Rank 8 + 16 = 24.').waitFor();

    await run(panel).click();

    await panel.page.getByText('Exact: the result is the weighted sum.').waitFor();
    assert.deepEqual(asked(panel), {
      parts: [
        { target: contentId(0), weight: 1 },
        { target: contentId(1), weight: 1 },
      ],
      out: OUT,
      method: 'concat',
    });
    // Only in the result; before that the page knew no path.
    assert.ok(!JSON.stringify(panel.intents).includes('/home'));
    assert.ok(
      !JSON.stringify(panel.posted.filter((message) => message.type === 'merge').slice(0, 2)).includes('/home'),
    );
  });

  it('does nothing when the user picks no folder', async () => {
    const { pickedFolder, ...left } = page();
    assert.equal(pickedFolder, OUT);
    const panel = await open(left);
    await panel.page.locator('.part').nth(1).waitFor();

    await run(panel).click();
    await panel.intent('merge');
    await panel.arrived();

    assert.equal(asked(panel), undefined);
    assert.ok(await run(panel).isVisible());
  });

  it('adds and removes adapters, and needs two', async () => {
    const panel = await open(page({ page: { page: 'merge' } }));
    await panel.page.getByText('Nothing chosen yet.').waitFor();
    await isReady(panel, false);

    await choose(panel, 'Add an adapter', 'ana/sql-coder');
    await panel.page.getByText('One more: a merge takes at least two.').waitFor();
    await choose(panel, 'Add an adapter', 'mika/legal-summary');
    await panel.page.getByText('Exact. Rank 8 + 32 = 40.').waitFor();
    await isReady(panel, true);

    await panel.page.getByRole('button', { name: 'Remove ana/sql-coder' }).click();
    await panel.page.getByText('One more: a merge takes at least two.').waitFor();
    // The neighbour's button has the focus: removing goes on from the keyboard.
    assert.equal(
      await panel.page.evaluate('document.activeElement.getAttribute("aria-label")'),
      'Remove mika/legal-summary',
    );
  });

  it('weighs by slider or number, whatever the sign', async () => {
    const panel = await open(page());
    const first = panel.page.getByRole('spinbutton', { name: 'Weight of ana/sql-coder' });
    const second = panel.page.getByRole('slider', { name: 'Weight of joao/pt-chat' });
    await first.fill('-0.75');
    await second.focus();
    await panel.page.keyboard.press('ArrowLeft');

    await run(panel).click();

    const { parts } = await panel.intent('merge');
    assert.deepEqual(
      parts.map(({ weight }) => weight),
      [-0.75, 0.95],
    );
    await first.fill('1000');
    await isReady(panel, false);
    await first.fill('');
    await isReady(panel, false);
  });

  it('says before what a rank costs, and after how much it did, layer by layer', async () => {
    const modules = [0, 1, 2].map((layer) => ({
      name: `model.layers.${layer}.self_attn.q_proj`,
      error: 0.01 * (layer + 1),
    }));
    const panel = await open(
      page({
        answers: { mergeAdapters: () => merged({ method: 'svd', rank: 12, error: { whole: 0.0234, modules } }) },
      }),
    );
    await panel.page.locator('.part').nth(1).waitFor();
    await choose(panel, 'Method', 'SVD');
    await panel.page.getByText('Rank 16 of 24: the error is named after merging.').waitFor();
    await panel.page.getByRole('spinbutton', { name: 'Rank' }).fill('12');
    await panel.page.getByText('Rank 12 of 24: the error is named after merging.').waitFor();

    await run(panel).click();

    await panel.page.getByText('The result is 2.34% off the weighted sum.').waitFor();
    assert.equal((asked(panel) as { rank: number }).rank, 12);
    await panel.page
      .getByRole('img', { name: 'Largest in layer 2 (0.03), smallest in layer 0 (0.01), 3 layers.' })
      .waitFor();
  });

  it('asks for what a method takes, and for nothing else', async () => {
    const panel = await open(page());
    await panel.page.locator('.part').nth(1).waitFor();
    const shown = async (): Promise<boolean[]> =>
      Promise.all(
        ['Rank', 'Density', 'Seed'].map((name) =>
          panel.page.getByRole('spinbutton', { name, exact: true }).isVisible(),
        ),
      );

    assert.deepEqual(await shown(), [false, false, false]);
    await choose(panel, 'Method', 'TIES');
    assert.deepEqual(await shown(), [true, true, false]);
    await choose(panel, 'Method', 'DARE');
    assert.deepEqual(await shown(), [true, true, true]);

    await panel.page.getByRole('spinbutton', { name: 'Seed' }).fill('42');
    await run(panel).click();
    const { method, rank, density, seed } = await panel.intent('merge');
    assert.deepEqual([method, rank, density, seed], ['dare', 16, 0.5, 42]);
  });

  it('warns when the adapters name different bases', async () => {
    const library = [here(0), here(1, { baseModel: 'Qwen/Qwen3-8B' })];
    const panel = await open(page({ state: { ...joined, library } }));

    await panel.page.getByText('They name different base models: Llama-3.2-3B-Instruct, Qwen3-8B.').waitFor();
  });

  it('takes adapters of the workspace, of Ollama and of the disk, without telling the page where they are', async () => {
    const facts = { format: 'peft', baseModel: BASE, rank: 4, bytes: 1e6 } as const;
    const inspected = { ...facts, path: '/disk/lora.safetensors', targets: [], pairs: 1, parameters: 1 };
    const panel = await open(
      page({
        page: { page: 'merge' },
        found: [{ ...facts, path: '/home/ana/runs/new', label: 'runs/new' }],
        pickedAdapter: '/disk/lora.safetensors',
        answers: {
          ollamaAdapters: () => ({
            adapters: [{ target: 'ollama:my-lora', model: 'my-lora:latest', digest: 'sha256:0', isOurs: false }],
          }),
          inspect: () => ({ ...inspected, privateValues: [], problems: [], layers: [] }),
        },
      }),
    );
    await choose(panel, 'Add an adapter', 'runs/new');
    await choose(panel, 'Add an adapter', 'my-lora:latest');
    await panel.page.getByRole('button', { name: 'From disk…' }).click();
    await panel.page.locator('.part').nth(2).waitFor();

    await run(panel).click();

    const { parts } = await panel.intent('merge');
    assert.ok(parts.every(({ key }) => /^x[0-9a-f]{16}$/.test(key)));
    await panel.page.getByText('Merged', { exact: true }).waitFor();
    assert.deepEqual(
      (asked(panel) as Wishes['mergeAdapters']['params']).parts.map(({ target }) => target),
      ['/home/ana/runs/new', 'ollama:my-lora', '/disk/lora.safetensors'],
    );
  });

  it('shares, installs and shows the result that this side remembers', async () => {
    const panel = await open(page());
    await run(panel).click();
    await panel.page.getByText('Merged', { exact: true }).waitFor();

    for (const name of ['Install in Ollama…', 'Share…', 'Reveal'])
      await panel.page.getByRole('button', { name }).click();
    await panel.intent('mergeResult', ({ action }) => action === 'reveal');

    assert.deepEqual(panel.commands, [
      { command: 'loraSwarm.install', argument: `found:${OUT}` },
      { command: 'loraSwarm.shareResource', argument: `found:${OUT}` },
      { command: 'loraSwarm.reveal', argument: `found:${OUT}` },
    ]);
  });

  it('shows how far it is and stops when asked to', async () => {
    let signal: AbortSignal | undefined;
    const panel = await open(
      page({
        answers: {
          mergeAdapters: (_, options) => {
            signal = options?.signal;
            options?.onProgress?.({ kind: 'merge', bytesDone: 10e6, bytesTotal: 40e6 });
            return new Promise(() => undefined);
          },
        },
      }),
    );
    await run(panel).click();
    await panel.page.getByRole('progressbar').and(panel.page.locator('[aria-valuenow="25"]')).waitFor();

    await panel.page.getByRole('button', { name: 'Stop' }).click();

    await panel.page.getByText('Stopped. Nothing was written.').waitFor();
    assert.ok(signal?.aborted);
  });

  it('keeps adapters, weights and method while it is out of sight', async () => {
    const panel = await open(page());
    await panel.page.getByRole('spinbutton', { name: 'Weight of ana/sql-coder' }).fill('0.3');
    await choose(panel, 'Method', 'TIES');
    await panel.arrived();

    const again = await open({ ...page(), kept: panel.kept });
    await again.page.locator('.part').nth(1).waitFor();

    assert.equal(await again.page.getByRole('spinbutton', { name: 'Weight of ana/sql-coder' }).inputValue(), '0.3');
    assert.ok(await again.page.getByRole('spinbutton', { name: 'Density' }).isVisible());
  });
});
