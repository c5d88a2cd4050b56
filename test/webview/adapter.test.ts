import assert from 'node:assert/strict';
import { LoraSwarmError } from '../../src/engine/errors';
import type { AdapterProblem } from '../../src/engine/adapter/adapterInfo';
import type { AdapterDetails } from '../../src/engine/wishes';
import { describeInBrowser } from './inBrowser';
import type { OpenOptions, OpenPanel } from './panelPage';
import { contentId, details, downloaded, joined, transfer } from './samples';

const withDetails = (shown: AdapterDetails, change: Partial<OpenOptions> = {}): OpenOptions => ({
  page: { page: 'adapter', id: shown.id },
  state: joined,
  answers: { adapter: () => shown },
  ...change,
});
const button = (panel: OpenPanel, name: string) => panel.page.locator('vscode-button').filter({ hasText: name });
const buttons = async (panel: OpenPanel): Promise<string[]> =>
  (await panel.page.locator('.actions vscode-button:visible').allTextContents()).map((text) => text.trim());

const DORA: AdapterProblem = {
  code: 'DORA',
  severity: 'warn',
  blocks: 'gguf',
  message: 'It is a DoRA adapter, which a LoRA GGUF cannot carry.',
};

describeInBrowser('the Adapter page', (open) => {
  it('says base and verdict before the other facts', async () => {
    const panel = await open(withDetails(details(0)));

    const facts = await panel.page.locator('.facts dt').allTextContents();

    assert.deepEqual(facts.slice(0, 3), ['Base model', 'Verdict', 'Signed by']);
    assert.match((await panel.page.locator('.verdict').textContent()) ?? '', /Exact base here.*digest of llama3\.2/);
    assert.match((await panel.page.locator('.facts').textContent()) ?? '', /k7f2…9q/);
    assert.equal(panel.title, 'ana/sql-coder');
  });

  it('says "not stated" for what no file says', async () => {
    const { rank: _, alpha: __, license: ___, baseModel: ____, verdict: _____, ...unknown } = details(0);
    const panel = await open(withDetails(unknown));

    const fact = (name: string) =>
      panel.page
        .locator('.facts > div')
        .filter({ has: panel.page.getByText(name, { exact: true }) })
        .locator('dd');

    for (const name of ['Base model', 'Rank', 'Alpha', 'Licence'])
      assert.equal(await fact(name).textContent(), 'not stated', name);
    assert.match((await fact('Verdict').textContent()) ?? '', /Not judged/);
  });

  it('says how many of its sources are connected, and that the others are contacted', async () => {
    const [connected, away] = [joined.peers![0]!.key, 'f'.repeat(64)];
    const sourcesOf = async (
      sources: readonly string[],
      change: Partial<AdapterDetails> = {},
    ): Promise<string | null> => {
      const panel = await open(withDetails(details(0, { sources, ...change })));
      const fact = panel.page.locator('.facts > div').filter({ hasText: /^Sources/ });
      return fact.locator('dd').textContent();
    };

    assert.equal(
      await sourcesOf([connected, away]),
      '2 sourcesConnected now: 1. The others are contacted when the download begins.',
    );
    assert.equal(await sourcesOf([away]), '1 sourceNot connected now; contacted when the download begins.');
    assert.equal(await sourcesOf([connected]), '1 source');
    assert.equal(await sourcesOf([away], { isDownloaded: true }), '1 source');
  });

  const states = [
    { what: 'an offer', shown: details(0), transfers: [], has: ['Download', 'Copy Link', 'Copy ID'] },
    {
      what: 'a running download',
      shown: details(0),
      transfers: [transfer(0)],
      has: ['Pause', 'Cancel', 'Copy Link', 'Copy ID'],
    },
    {
      what: 'a paused one',
      shown: details(0),
      transfers: [transfer(0, { phase: 'paused' })],
      has: ['Resume', 'Cancel', 'Copy Link', 'Copy ID'],
    },
    {
      what: 'a failed one',
      shown: details(0),
      transfers: [transfer(0, { phase: 'failed' })],
      has: ['Try Again', 'Cancel', 'Copy Link', 'Copy ID'],
    },
    {
      what: 'one that is here',
      shown: downloaded(0, { models: [] }),
      transfers: [],
      has: ['Install in Ollama', 'Copy Link', 'Copy ID'],
    },
    {
      what: 'one that is in Ollama',
      shown: downloaded(0),
      transfers: [],
      has: ['Install Again', 'Compare with Base', 'Copy Link', 'Copy ID'],
    },
    {
      what: 'one that no adapter layer can carry',
      shown: downloaded(0, { models: [], problems: [DORA] }),
      transfers: [],
      has: ['Install in Ollama', 'Merge into a Base…', 'Copy Link', 'Copy ID'],
    },
  ] as const;
  for (const { what, shown, transfers, has } of states)
    it(`offers what can be done with ${what}`, async () => {
      const panel = await open(withDetails(shown, { state: { ...joined, transfers } }));
      await panel.page.locator('.facts').waitFor();

      assert.deepEqual((await buttons(panel)).toSorted(), [...has].toSorted());
    });

  it('says of what cannot be an adapter that it can be merged into a base', async () => {
    const panel = await open(withDetails(downloaded(0, { problems: [DORA] })));
    await panel.page.getByText(`${DORA.message} Merged into a base model, it works as it was trained.`).waitFor();

    await button(panel, 'Merge into a Base…').click();

    await panel.intent('mergeIntoBase');
    assert.deepEqual(panel.commands, [{ command: 'loraSwarm.mergeIntoBase', argument: contentId(0) }]);
  });

  it('opens the comparison of its model', async () => {
    const panel = await open(withDetails(downloaded(0)));

    await button(panel, 'Compare with Base').click();

    await panel.intent('compareWithBase');
    assert.deepEqual(panel.commands, [{ command: 'loraSwarm.compare', argument: contentId(0) }]);
  });

  it('says what it was merged from, with which weights and how', async () => {
    const parts = [
      { id: contentId(7), name: 'ana/sql', weight: 0.75 },
      { id: contentId(8), weight: -1 },
      { weight: 2 },
    ];
    const lineage = { method: 'svd', rank: 16, parts } as const;
    const panel = await open(withDetails(details(0, { lineage, parents: [contentId(7), contentId(8)] })));

    const fact = panel.page.locator('.facts > div').filter({ hasText: 'Merged from' });

    assert.deepEqual(await fact.locator('li').allTextContents(), [
      'ana/sql × 0.75',
      `${contentId(8).slice(0, 16)} × -1`,
      'an adapter that was never shared × 2',
    ]);
    await fact.getByText('SVD at rank 16').waitFor();
  });

  it('shows what the author proposes as text, with nothing to switch on', async () => {
    const extras = {
      system: 'You answer with SQL.\n\n$(zap) [x](command:y)',
      template: '{{ .Prompt }}',
      parameters: { temperature: 0.2, stop: ['</s>', '<b>'] },
    };
    const panel = await open(withDetails(downloaded(0, { extras })));
    const shown = panel.page.locator('.proposals');

    assert.deepEqual(await shown.locator('pre').allTextContents(), [extras.system, extras.template]);
    assert.deepEqual(await shown.locator('td').allTextContents(), ['0.2', '</s> <b>']);
    assert.equal(await shown.locator('input, button, vscode-button').count(), 0);
    await shown.getByText('None of it is used unless you tick it when you install.').waitFor();
  });

  it('asks for a download, pauses, resumes and cancels it by the id alone', async () => {
    const panel = await open(withDetails(details(0)));
    const id = contentId(0);

    await button(panel, 'Download').click();
    await panel.intent('download');
    panel.setState({ transfers: [transfer(0)] });
    await button(panel, 'Pause').click();
    await panel.intent('pause');
    panel.setState({ transfers: [transfer(0, { phase: 'paused' })] });
    await button(panel, 'Resume').click();
    await panel.intent('resume');
    await button(panel, 'Cancel').click();
    await panel.intent('cancel');

    assert.deepEqual(
      panel.commands,
      ['download', 'resume', 'cancel', 'pause']
        .map((verb) => ({ command: `loraSwarm.${verb}`, argument: id }))
        .toSorted((a, b) => order(a.command) - order(b.command)),
    );
    function order(command: string): number {
      return ['download', 'pause', 'resume', 'cancel'].indexOf(command.slice('loraSwarm.'.length));
    }
  });

  it('keeps the focus among the buttons when the pressed one goes away', async () => {
    const panel = await open(withDetails(details(0)));

    await button(panel, 'Download').focus();
    await panel.page.keyboard.press('Enter');
    await panel.intent('download');
    panel.setState({ transfers: [transfer(0)] });
    await button(panel, 'Pause').waitFor();

    assert.equal(await panel.page.evaluate('document.activeElement.closest(".actions") !== null'), true);
  });

  it('shows progress as a bar and says it at every tenth', async () => {
    const panel = await open(withDetails(details(0), { state: { ...joined, transfers: [transfer(0)] } }));
    const bar = panel.page.getByRole('progressbar');
    await bar.waitFor();
    const spoken = panel.page.locator('#app > .spoken');

    assert.equal(await bar.getAttribute('aria-valuenow'), '61');
    assert.equal(await spoken.textContent(), 'Downloading, 60%');
    assert.match(
      (await panel.page.locator('.transfer-line').textContent()) ?? '',
      /15 MB of 24.3 MB.*18.2 MB\/s.*3 sources.*12 sec left/,
    );

    panel.setState({ transfers: [transfer(0, { bytesDone: 15_500_000 })] });
    await panel.page.getByText('63%').waitFor();
    assert.equal(await spoken.textContent(), 'Downloading, 60%');

    panel.setState({ transfers: [transfer(0, { bytesDone: 23_000_000 })] });
    await panel.page.getByText('94%').waitFor();
    assert.equal(await spoken.textContent(), 'Downloading, 90%');
  });

  it('says why a download failed', async () => {
    const problem = { code: 'NO_SOURCES', message: 'Nobody offers it now. It goes on when a source comes back.' };
    const panel = await open(
      withDetails(details(0), { state: { ...joined, transfers: [transfer(0, { phase: 'failed', problem })] } }),
    );

    await panel.page.getByRole('alert').getByText(problem.message).waitFor();
  });

  it('is read again when the download has ended', async () => {
    let shown = details(0);
    const panel = await open(
      withDetails(shown, { state: { ...joined, transfers: [transfer(0)] }, answers: { adapter: () => shown } }),
    );
    await button(panel, 'Pause').waitFor();

    shown = downloaded(0, { models: [] });
    panel.setState({ transfers: [] });
    await button(panel, 'Install in Ollama').click();

    assert.deepEqual(await panel.intent('install'), { type: 'install', id: contentId(0) });
  });

  it('draws the strength of each layer and says it in words and numbers', async () => {
    const panel = await open(withDetails(downloaded(0)));
    const figure = panel.page.locator('figure.strength');

    const label = await figure.getByRole('img').getAttribute('aria-label');
    await figure.getByText('Values').click();

    assert.match(label ?? '', /^Strongest in layer 1[3-5] \(\d\.\d+\), weakest in layer \d+ \(0\.\d+\), 28 layers\.$/);
    assert.equal(await figure.locator('.bars rect').count(), 28);
    assert.deepEqual(await figure.locator('.target').allTextContents(), [
      'q_proj',
      'k_proj',
      'v_proj',
      'o_proj',
      'down_proj',
    ]);
    assert.equal(await figure.locator('tbody tr').count(), 28);

    await figure.locator('.heat rect').nth(3).hover();
    assert.match((await figure.locator('.readout').textContent()) ?? '', /^L3 · q_proj · \d/);
  });

  it('adds up the modules of a layer as norms add up, whatever their names', async () => {
    const layers = [
      { name: 'blk.0.attn_q.weight', norm: 3 },
      { name: 'blk.0.attn_v.weight', norm: 4 },
      { name: 'lm_head', norm: 1 },
    ];
    const panel = await open(withDetails(downloaded(0, { layers })));
    await panel.page.getByText('Values').click();

    const cells = await panel.page.locator('tbody tr').allTextContents();

    assert.deepEqual(cells, ['L05', 'other1']);
  });

  it('says loudly that an adapter of zeros changes nothing', async () => {
    const panel = await open(withDetails(downloaded(0, { layers: [{ name: 'model.layers.0.q_proj', norm: 0 }] })));

    await panel.page.getByText('Every ΔW is zero: this adapter changes nothing.').waitFor();
  });

  it('shows the card as text with its lines', async () => {
    const card = '# Title\n\n<b>bold</b> [link](https://example.com)\n    indented $(code)';
    const panel = await open(withDetails(downloaded(0, { card })));

    const shown = panel.page.locator('.card pre');

    assert.equal(await shown.textContent(), card);
    assert.equal(await shown.locator('*').count(), 0);
  });

  it('names the problems and the missing sources', async () => {
    const problems = [{ code: 'ADAPTER_PICKLE', severity: 'refuse', message: 'It holds a pickle.' }] as const;
    const panel = await open(withDetails(details(0, { problems, sources: [] })));

    const notes = await panel.page.locator('.notices li').allTextContents();

    assert.deepEqual(notes, [
      'Not usable: It holds a pickle.',
      'No peer offers this adapter right now. It can be downloaded when one comes back.',
    ]);
  });

  it('copies the id and says so', async () => {
    const panel = await open(withDetails(details(0)));

    await button(panel, 'Copy ID').click();
    await panel.intent('copyId');

    assert.deepEqual(panel.copied, [contentId(0)]);
    assert.equal(await panel.page.locator('#app > .spoken').textContent(), 'Copied.');
  });

  it('goes back with Escape', async () => {
    const panel = await open(withDetails(details(0)));
    await button(panel, 'Download').focus();

    await panel.page.keyboard.press('Escape');

    assert.deepEqual(await panel.intent('open'), { type: 'open', page: { page: 'explore' } });
  });

  it('tells an unknown adapter from one that could not be read', async () => {
    const page = { page: 'adapter', id: contentId(9) } as const;
    const failing = (error: Error): OpenOptions => ({
      page,
      state: joined,
      answers: { adapter: () => Promise.reject(error) },
    });

    const unknown = await open(failing(new LoraSwarmError('ID_UNKNOWN', 'No such id.')));
    const broken = await open(failing(new LoraSwarmError('STORE_CORRUPT', 'The database is damaged.')));

    await unknown.page.getByText('This adapter is not known here').waitFor();
    await broken.page.getByText('This adapter cannot be shown').waitFor();
    await broken.page.getByText('The database is damaged.').waitFor();
  });
});
