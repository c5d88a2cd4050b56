import assert from 'node:assert/strict';
import type { Locator } from 'playwright-core';
import { LoraSwarmError } from '../../src/engine/errors';
import type { EngineState, TransferDetails } from '../../src/engine/state';
import type { ToPanel } from '../../src/shared/panelProtocol';
import type { TransferPlace } from '../../src/shared/transferProtocol';
import { describeInBrowser } from './inBrowser';
import type { OpenOptions, OpenPanel } from './panelPage';
import { contentId, details, entry, joined, source, transfer, transferDetails } from './samples';

const id = contentId(0);
const place = (direction: TransferPlace['direction'] = 'download'): TransferPlace => ({
  page: 'transfer',
  id,
  direction,
});
const withTransfer = (
  answer: TransferDetails | (() => TransferDetails),
  state: Partial<EngineState> = {},
): OpenOptions => ({
  page: place(typeof answer === 'function' ? 'download' : answer.transfer.direction),
  state: { ...joined, transfers: [transfer(0)], ...state },
  answers: { transfer: () => (typeof answer === 'function' ? answer() : answer) },
});
const inState = (change: Parameters<typeof transfer>[1], rest: Partial<TransferDetails> = {}): TransferDetails =>
  transferDetails(0, { transfer: transfer(0, change), ...rest });
const state = (panel: OpenPanel) => panel.page.locator('.transfer-state');
const button = (panel: OpenPanel, name: string) => panel.page.getByRole('button', { name, exact: true });
const buttons = async (panel: OpenPanel): Promise<string[]> =>
  (await panel.page.locator('.actions > vscode-button:visible').allTextContents()).map((text) => text.trim());
const spoken = (panel: OpenPanel) => panel.page.locator('#app > .spoken');
const rows = (panel: OpenPanel) => panel.page.locator('.source:not(.head)');
const disabled = async (group: Locator): Promise<(string | null)[]> =>
  Promise.all((await group.getByRole('button', { disabled: true }).all()).map((one) => one.getAttribute('aria-label')));

describeInBrowser('the Transfer page', (open) => {
  const states = [
    ['running', inState({}), 'Downloading from 3 sources', ['Pause', 'Cancel']],
    ['waiting for busy sources', inState({ phase: 'waiting', peers: 2 }), 'Waiting for 2 sources', ['Pause', 'Cancel']],
    [
      'waiting for anybody',
      inState({ phase: 'waiting', peers: 0 }),
      'Waiting: nobody offers it now',
      ['Pause', 'Cancel', 'Run Doctor'],
    ],
    ['queued', inState({ phase: 'queued', place: 2 }), 'In the queue, 2nd', ['Pause', 'Cancel']],
    ['paused', inState({ phase: 'paused' }), 'Paused', ['Resume', 'Cancel']],
    ['being verified', inState({ phase: 'verifying' }), 'Verifying', ['Pause', 'Cancel']],
    [
      'failed for want of space',
      inState({ phase: 'failed', problem: { code: 'STORE_FULL', message: 'The disk is full.' } }),
      'Failed',
      ['Try Again', 'Cancel', 'Open Settings'],
    ],
    ['an upload', inState({ direction: 'upload', sources: 1 }), 'Sending to 1 peer', []],
  ] as const;
  for (const [what, shown, words, has] of states)
    it(`says in words that it is ${what}, with the buttons for it`, async () => {
      const panel = await open(withTransfer(shown));
      await state(panel).waitFor();

      assert.equal(await state(panel).textContent(), words);
      assert.deepEqual(await buttons(panel), has);
      assert.equal(await panel.page.getByRole('heading', { level: 1 }).textContent(), 'ana/sql-coder');
      assert.equal(panel.title, 'ana/sql-coder');
    });

  it('says how much is here, how fast it comes and how long it takes', async () => {
    const panel = await open(withTransfer(transferDetails(0)));
    const bar = panel.page.getByRole('progressbar');

    assert.equal(await bar.getAttribute('aria-valuenow'), '61');
    assert.equal(
      (await panel.page.locator('.transfer-line').textContent())?.replaceAll('\u00a0', ' '),
      '15 MB of 24.3 MB · 61% · 18.2 MB/s · 12 sec left',
    );
  });

  it('says why it failed, loudly, and goes on from what is here', async () => {
    const problem = { code: 'DOWNLOAD_CORRUPT', message: 'What was received is damaged. Try again.' };
    const panel = await open(withTransfer(inState({ phase: 'failed', problem })));

    await panel.page.getByRole('alert').getByText(problem.message).waitFor();
    await button(panel, 'Try Again').click();

    await panel.intent('resume');
    assert.deepEqual(panel.commands, [{ command: 'loraSwarm.resume', argument: id }]);
  });

  it('says quietly why it is paused by itself, and offers what changes that', async () => {
    const problem = { code: 'NETWORK_METERED', message: 'Paused: this network costs by the byte.' };
    const panel = await open(withTransfer(inState({ phase: 'paused', problem })));

    await panel.page.getByText(problem.message).waitFor();

    assert.equal(await panel.page.getByRole('alert').count(), 0);
    assert.deepEqual(await buttons(panel), ['Cancel', 'Open Settings']);
  });

  it('asks anew for what failed before anything of it was here', async () => {
    const panel = await open(withTransfer(inState({ phase: 'failed' }, { chunks: 0, held: [], asked: [] })));

    await button(panel, 'Try Again').click();

    await panel.intent('download');
    assert.deepEqual(panel.commands, [{ command: 'loraSwarm.download', argument: id }]);
  });

  it('pauses, resumes and cancels by the keyboard, and keeps the focus among the buttons', async () => {
    let shown = inState({});
    const panel = await open(withTransfer(() => shown));
    await button(panel, 'Pause').focus();

    await panel.page.keyboard.press('Enter');
    await panel.intent('pause');
    shown = inState({ phase: 'paused' });
    await button(panel, 'Resume').waitFor();
    await panel.page.waitForFunction(`document.activeElement.textContent.includes('Resume')`);
    await panel.page.keyboard.press('Enter');
    await panel.intent('resume');
    await panel.page.keyboard.press('Tab');
    await panel.page.keyboard.press('Enter');
    await panel.intent('cancel');

    assert.deepEqual(
      panel.commands,
      ['pause', 'resume', 'cancel'].map((verb) => ({ command: `loraSwarm.${verb}`, argument: id })),
    );
  });

  it('moves a queued one, but not past the ends of the queue', async () => {
    const moved: unknown[] = [];
    let at = 1;
    const options = withTransfer(() => inState({ phase: 'queued', place: at }), {
      transfers: [1, 2].map((index) => transfer(index - 1, { phase: 'queued', place: index })),
    });
    const panel = await open({
      ...options,
      answers: { ...options.answers, moveDownload: (params) => (moved.push(params), {}) },
    });
    const group = panel.page.getByRole('group', { name: 'Place in the queue' });
    await group.waitFor();

    assert.deepEqual(await disabled(group), ['Move to the Front', 'Move Up']);
    await button(panel, 'Move Up').press('Enter');
    await button(panel, 'Move to the End').press('Enter');
    await panel.intent('moveDownload');
    assert.deepEqual(moved, [{ id, to: 'last' }]);

    at = 2;
    await panel.page.getByText('In the queue, 2nd').waitFor();
    assert.deepEqual(await disabled(group), ['Move Down', 'Move to the End']);
  });

  it('draws a map of the chunks that says in words what it shows', async () => {
    const shown = inState(
      { bytesDone: 62, bytesTotal: 100 },
      {
        held: [255, 255, 127, 0, 0],
        asked: [0, 0, 38, 0, 0],
      },
    );
    const panel = await open(withTransfer(shown));
    const map = panel.page.locator('.chunk-map');

    await map.getByRole('img', { name: '62% here, 2% asked' }).waitFor();

    assert.deepEqual(await map.locator('.legend li').allTextContents(), ['Here 62%', 'Asked 2%', 'Missing 36%']);
    const squares = async (part: string): Promise<number> =>
      ((await map.locator(`.map .map-${part}`).getAttribute('d')) ?? '').split('M').length - 1;
    assert.deepEqual([await squares('missing'), await squares('held'), await squares('asked')], [5, 3, 1]);
  });

  it('reads one square of the map out when the mouse is on it', async () => {
    const panel = await open(
      withTransfer(inState({ bytesTotal: 4e6 }, { held: [255, 51, 0, 0], asked: [0, 0, 255, 0] })),
    );
    const map = panel.page.locator('svg.map');
    const readout = panel.page.locator('.chunk-map .readout');
    await map.waitFor();
    const { width, height } = (await map.boundingBox())!;

    assert.equal(await readout.textContent(), 'In file order, 1 MB each.');
    await map.hover({ position: { x: width * 0.4, y: height / 2 } });
    assert.equal(await readout.textContent(), '1 MB to 2 MB: 20% here');
    await map.hover({ position: { x: width * 0.6, y: height / 2 } });
    assert.equal(await readout.textContent(), '2 MB to 3 MB: 0% here, 100% asked');
  });

  it('tells the three kinds of squares apart without their colour', async () => {
    const panel = await open({ ...withTransfer(transferDetails(0)), theme: 'contrast', forcedColors: 'active' });
    await panel.page.locator('svg.map').waitFor();

    const [held, missing, asked] = await panel.page.evaluate<string[][]>(`
      ['held', 'missing', 'asked'].map((kind) => {
        const { fill, stroke } = getComputedStyle(document.querySelector('.map .map-' + kind));
        return [fill, stroke];
      })`);

    assert.match(held![0]!, /^rgb/);
    assert.equal(held![1], 'none');
    assert.equal(missing![0], 'none');
    assert.match(missing![1]!, /^rgb/);
    assert.match(asked![0]!, /^url/);
  });

  it('says before the list of chunks is known that it is not', async () => {
    const panel = await open(withTransfer(inState({ phase: 'waiting', peers: 1 }, { chunks: 0, held: [], asked: [] })));

    await panel.page.getByText('Known once a source has sent the list of chunks.').waitFor();

    assert.equal(await panel.page.locator('.chunk-map').getByRole('img').count(), 0);
  });

  it('draws the speed of the last minute and says it', async () => {
    const rates = [...Array.from({ length: 10 }, () => 8e6), 42e6];
    const panel = await open(withTransfer(transferDetails(0, { rates })));
    const speed = panel.page.locator('.speed');

    await speed.getByRole('img', { name: 'Speed in the last minute: now 18.2 MB/s, at most 42 MB/s.' }).waitFor();

    assert.equal(await speed.locator('.speed-now').textContent(), '18.2 MB/s');
    assert.equal(await speed.locator('.scale').textContent(), '50 MB/s');
    const line = (await speed.locator('.spark-line').getAttribute('d')) ?? '';
    assert.equal(line.split('L').length, 11);
    assert.match(line, /^M49 0\.840L.*L59 0\.160$/);
  });

  it('lists the sources quickest first, each with its path in words', async () => {
    const peers = [
      source(2, { path: 'relay', rate: 0, phase: 'resting', has: 0.374 }),
      source(0, { path: 'lane', rate: 11_400_000 }),
      { key: '', name: '', path: 'disk', phase: 'active', rate: 90e6, bytes: 3e6, has: 1 },
      source(3, { path: 'lan', rate: 2e6, phase: 'idle' }),
      source(1, { rate: 0, phase: 'opening', bytes: 0 }),
    ] as const;
    const panel = await open(withTransfer(transferDetails(0, { peers })));
    await panel.page.getByRole('table', { name: 'Sources' }).waitFor();

    assert.deepEqual(await panel.page.getByRole('columnheader').allTextContents(), [
      'Source',
      'Speed',
      'Path',
      'Received',
      'Has',
      'Round trip',
      'State',
    ]);
    const cells = await panel.page.evaluate<string[][]>(
      `[...document.querySelectorAll('.source:not(.head)')].map((row) => [...row.children].map((cell) => cell.textContent))`,
    );
    assert.deepEqual(
      cells.map(([, rate, path, , has, , phase]) => [path, rate, has, phase]),
      [
        ['This disk', '90 MB/s', '100%', 'Active'],
        ['Local network (fast lane)', '11.4 MB/s', '100%', 'Active'],
        ['Local network', '2 MB/s', '100%', 'Idle'],
        ['Relayed', '–none', '37%', 'Resting'],
        ['Direct', '–none', '100%', 'Connecting'],
      ],
    );
    assert.equal(cells[0]![0], 'This disk');
    assert.equal(cells[0]![5], '–not measured');
    assert.match(cells[1]![0]!, /^ana bbbb…a0$/);
  });

  it('keeps rows, order and what is selected while rates breathe, and does not move', async () => {
    let peers = [source(0, { rate: 6_000_000 }), source(1, { rate: 5_500_000 })];
    const panel = await open({ ...withTransfer(() => transferDetails(0, { peers })), width: 1_000 });
    await rows(panel).first().waitFor();
    await panel.page.evaluate(`{
      window.rows = [...document.querySelectorAll('.source:not(.head)')];
      window.places = () => ([...document.querySelectorAll('.page *')].filter((part) => part.closest('svg') === null)
        .map((part) => { const { x, y, width, height } = part.getBoundingClientRect(); return part.children.length ? [x, y, width, height] : [y, height]; }));
      window.before = window.places();
    }`);

    peers = [source(1, { rate: 6_600_000, bytes: 9_123_456 }), source(0, { rate: 5_900_000, bytes: 9_654_321 })];
    await panel.page.getByText('6.6 MB/s').waitFor();

    assert.ok(
      await panel.page.evaluate(
        `[...document.querySelectorAll('.source:not(.head)')].every((row, at) => row === window.rows[at])`,
      ),
    );
    assert.deepEqual(await panel.page.evaluate('window.places()'), await panel.page.evaluate('window.before'));
  });

  it('shows an upload with those who take it, and no map of what is here anyway', async () => {
    const panel = await open(
      withTransfer(
        inState({ direction: 'upload', bytesDone: 61e6, sources: 2 }, { peers: [source(0, { has: 0.72, rate: 6e6 })] }),
      ),
    );
    await panel.page.getByRole('table', { name: 'Who takes it' }).waitFor();

    assert.equal(await panel.page.locator('.transfer-line').textContent(), '61 MB sent');
    assert.equal(await panel.page.locator('.chunk-map').count(), 0);
    assert.equal(await panel.page.getByRole('progressbar').count(), 0);
    assert.match((await rows(panel).first().textContent()) ?? '', /^ana.*6 MB\/s.*5 MB/);
    assert.ok(!(await panel.page.getByRole('columnheader').allTextContents()).includes('Has'));
    assert.deepEqual(panel.wishes.at(-1), { name: 'transfer', params: { id, direction: 'upload' } });
  });

  it('says that it is done, with a way to the page of the adapter', async () => {
    let isDone = false;
    const options = withTransfer(() => {
      if (isDone) throw new LoraSwarmError('ID_UNKNOWN', 'No such transfer.');
      return transferDetails(0);
    });
    const panel = await open({ ...options, answers: { ...options.answers, adapter: () => details(0) } });
    await panel.page.getByText('Downloading from 3 sources', { exact: true }).waitFor();

    isDone = true;
    panel.setState({ transfers: [], library: [{ ...entry(0), path: '/x', models: [], addedAt: 1 }] });
    await panel.page.getByText('Downloaded, and every chunk of it was verified').waitFor();

    assert.deepEqual(await buttons(panel), ['Show Adapter']);
    assert.equal(await panel.page.getByRole('progressbar').getAttribute('aria-valuenow'), '100');
    await panel.page.getByRole('img', { name: '100% here, 0% asked' }).waitFor();
    await panel.page.locator('.actions').getByRole('button', { name: 'Show Adapter' }).click();
    await panel.page.locator('.facts').waitFor();
  });

  it('says of one that is over that it is, and why one cannot be read', async () => {
    const failing = (error: Error): OpenOptions => ({
      ...withTransfer(() => {
        throw error;
      }),
      state: joined,
    });
    const over = await open(failing(new LoraSwarmError('ID_UNKNOWN', 'No such transfer.')));
    const broken = await open(failing(new LoraSwarmError('STORE_CORRUPT', 'The database is damaged.')));

    await over.page.getByText('This transfer is over').waitFor();
    await broken.page.getByRole('alert').getByText('The database is damaged.').waitFor();
    assert.deepEqual(await buttons(over), ['Show Adapter']);
    assert.equal(await over.page.locator('.transfer-figures').isVisible(), false);
  });

  it('goes to the adapter with Escape, and comes from there while it downloads', async () => {
    const options = withTransfer(transferDetails(0));
    const panel = await open({
      ...options,
      page: { page: 'adapter', id },
      answers: { ...options.answers, adapter: () => details(0) },
    });
    await button(panel, 'Show Transfer').press('Enter');
    await panel.page.getByText('Downloading from 3 sources', { exact: true }).waitFor();
    assert.ok(await panel.page.evaluate(`document.activeElement.tagName === 'H1'`));

    await panel.page.keyboard.press('Escape');

    await panel.page.locator('.facts').waitFor();
    assert.ok(await panel.page.evaluate(`document.activeElement.tagName === 'H1'`));
    assert.equal(await panel.page.locator('.tab[aria-current]').textContent(), 'Explore');
  });

  it('announces how far it is at most every 10 s, and the newest', async () => {
    let shown = inState({});
    const panel = await open(withTransfer(() => shown));
    await state(panel).waitFor();
    await panel.page.evaluate(`document.querySelector('.page').dataset.old = ''`);
    await panel.page.clock.install();
    panel.post({ type: 'page', page: place() }); // Another page, whose timers are those of this clock.
    await panel.page.locator('.page:not([data-old]) .bar').waitFor();

    for (const [bytesDone, percent] of [
      [18e6, 74],
      [20e6, 82],
    ] as const) {
      shown = inState({ bytesDone });
      await panel.page
        .getByRole('progressbar')
        .and(panel.page.locator(`[aria-valuenow="${percent}"]`))
        .waitFor();
    }
    assert.equal(await spoken(panel).textContent(), 'Downloading from 3 sources, 61%');
    await panel.page.clock.runFor(10_000);

    assert.equal(await spoken(panel).textContent(), 'Downloading from 3 sources, 82%');
  });

  it('is asked about at most 4 times a second, and not at all when another page is shown', async () => {
    const times: number[] = [];
    const options = withTransfer(() => (times.push(performance.now()), transferDetails(0)));
    const panel = await open({ ...options, answers: { ...options.answers, doctor: () => ({ checks: [] }) } });
    await state(panel).waitFor();
    while (times.length < 6) {
      panel.setState({ catalogRevision: times.length });
      await panel.arrived();
    }
    await panel.page.getByRole('navigation').getByRole('button', { name: 'Doctor' }).click();
    await panel.page.locator('.doctor').waitFor();
    const asked = times.length;

    const gaps = times.slice(1).map((time, at) => time - times[at]!);
    assert.ok(Math.min(...gaps) > 240, gaps.join(' '));
    panel.setState({ transfers: [] });
    panel.setState({ transfers: [transfer(0)] });
    await panel.arrived();
    assert.equal(times.length, asked);
  });

  it('ignores what is of another transfer', async () => {
    const panel = await open(withTransfer(transferDetails(0)));
    await state(panel).waitFor();
    const other = { id: contentId(1), direction: 'download', details: transferDetails(1) } as const;

    for (const shown of [other, { ...other, id, direction: 'upload' as const }])
      panel.post({ type: 'transfer', shown } satisfies ToPanel);
    await panel.arrived();

    assert.equal(await panel.page.getByRole('heading', { level: 1 }).textContent(), 'ana/sql-coder');
  });
});
