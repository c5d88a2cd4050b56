import assert from 'node:assert/strict';
import { LoraSwarmError } from '../../src/engine/errors';
import { describeInBrowser } from './inBrowser';
import type { OpenOptions, OpenPanel } from './panelPage';
import { contentId, entry, joined, listOf, models, room, transfer } from './samples';

const MANY = 10_000;
const many = Array.from({ length: MANY }, (_, index) => entry(index));
const few = many.slice(0, 3);

const withEntries = (entries = many): OpenOptions => ({
  state: joined,
  answers: { list: listOf(entries), models: () => models },
});
const rows = (panel: OpenPanel) => panel.page.locator('.row[role=option]');
const dropdown = (panel: OpenPanel, label: string) => panel.page.locator(`vscode-dropdown[aria-label="${label}"]`);
const activeName = (panel: OpenPanel) => panel.page.locator('.row[aria-selected=true] .name');
const listsAsked = (panel: OpenPanel) => panel.intents.filter((intent) => intent.type === 'list');

describeInBrowser('the Explore page', (open) => {
  it('shows a list of 10,000 with a handful of elements, and never asks for it as a whole', async () => {
    const panel = await open(withEntries());

    await panel.page.getByText('10,000 adapters').waitFor();
    await rows(panel).nth(5).waitFor();

    assert.ok((await rows(panel).count()) < 40);
    assert.ok((await panel.page.evaluate<number>('document.querySelectorAll("*").length')) < 900);
    assert.equal(await rows(panel).first().getAttribute('aria-setsize'), '10000');
    assert.ok(listsAsked(panel).every(({ limit }) => limit <= 100));
    assert.ok(listsAsked(panel).length <= 2);
  });

  it('gets the last rows when the user goes there, and forgets pages far away', async () => {
    const panel = await open(withEntries());
    await rows(panel).first().waitFor();

    await panel.page.locator('.list').focus();
    await panel.page.keyboard.press('End');
    const last = await panel.intent('list', ({ offset }) => offset === MANY - 100);

    assert.equal(last.limit, 100);
    await panel.page.locator('.row[aria-posinset="10000"] .name').waitFor();
    assert.equal(await activeName(panel).textContent(), many.at(-1)!.name);
    assert.ok((await rows(panel).count()) < 40);
  });

  it('opens on one room when it was asked for it, whatever was searched before', async () => {
    const kept = { page: { page: 'explore' }, place: { query: { search: 'rust' }, active: 3, scrollTop: 90 } };
    const panel = await open({ ...withEntries(), page: { page: 'explore', room: 'local' }, kept });
    await rows(panel).first().waitFor();

    assert.deepEqual(listsAsked(panel).at(-1)?.query, { room: 'local' });
    await panel.page.getByText('Filters (1)').waitFor();
  });

  it('marks what a revoked key signed', async () => {
    const panel = await open(withEntries([entry(0, { isRevoked: true, isDownloaded: true }), entry(1)]));

    assert.match((await rows(panel).nth(0).textContent()) ?? '', /Revoked/);
    assert.doesNotMatch((await rows(panel).nth(1).textContent()) ?? '', /Revoked/);
  });

  it('asks for what is typed, once the typing rests', async () => {
    const panel = await open(withEntries());
    await rows(panel).first().waitFor();

    await panel.page.locator('vscode-text-field').first().click();
    await panel.page.keyboard.type('rust');
    await panel.intent('list', ({ query }) => query.search === 'rust');
    await panel.page.getByText('1,250 adapters').waitFor();

    assert.equal(await rows(panel).first().locator('.name').textContent(), 'ana/rust-review');
    assert.deepEqual(panel.wishes.at(-1), { name: 'list', params: { search: 'rust', offset: 0, limit: 100 } });
  });

  it('drops an answer that belongs to an earlier search', async () => {
    const panel = await open(withEntries());
    await rows(panel).first().waitFor();

    await panel.page.locator('vscode-text-field').first().click();
    await panel.page.keyboard.type('poetry');
    await panel.page.getByText('1,250 adapters').waitFor();
    panel.post({ type: 'list', query: { search: 'p' }, offset: 0, total: 1, adapters: [entry(0)] });
    panel.post({ type: 'problem', message: 'marks the end' });
    await panel.page.getByText('marks the end').waitFor();

    assert.ok(await panel.page.getByText('1,250 adapters').isVisible());
  });

  it('filters by base, fit, rank, size and room', async () => {
    const panel = await open(withEntries());
    await rows(panel).first().waitFor();
    const pick = async (label: string, option: string): Promise<void> => {
      await dropdown(panel, label).click();
      await dropdown(panel, label).locator('vscode-option').filter({ hasText: option }).click();
    };

    await panel.page.getByText('Filters').click();
    await panel.page.locator('vscode-text-field[aria-label="Base model"]').click();
    await panel.page.keyboard.type('llama');
    await pick('Fits', 'gemma2:2b');
    await pick('Rank', '9 to 16');
    await pick('Size', 'Up to 50 MB');
    await pick('Room', 'lab-42');
    const { query } = await panel.intent('list', (intent) => intent.query.room !== undefined);

    assert.deepEqual(query, {
      base: 'llama',
      fits: 'gemma2:2b',
      room: '0123456789abcdef',
      minRank: 9,
      maxRank: 16,
      maxBytes: 50_000_000,
    });
    assert.ok(await panel.page.getByText('Filters (5)').isVisible());
  });

  it('asks the engine for any local model when all of mine are meant', async () => {
    const panel = await open({
      ...withEntries(few),
      kept: { page: { page: 'explore' }, place: { query: { fits: '*', maxRank: 8 }, active: 0, scrollTop: 0 } },
    });
    await rows(panel).first().waitFor();

    const asked = panel.wishes.find(({ name }) => name === 'list');

    assert.deepEqual(asked?.params, { fitsAny: true, maxRank: 8, offset: 0, limit: 100 });
    assert.equal(await dropdown(panel, 'Fits').locator('.selected-value').innerText(), 'Any of my models');
    assert.equal(await dropdown(panel, 'Rank').locator('.selected-value').innerText(), 'Up to 8');
  });

  it('is led by the keyboard alone', async () => {
    const panel = await open(withEntries());
    await rows(panel).first().waitFor();
    const { keyboard } = panel.page;

    await panel.page.locator('vscode-text-field').first().click();
    await keyboard.press('ArrowDown');
    await keyboard.press('ArrowDown');
    await keyboard.press('ArrowDown');
    await keyboard.press('ArrowUp');

    assert.equal(await activeName(panel).textContent(), many[1]!.name);
    assert.equal(await panel.page.locator('.list').getAttribute('aria-activedescendant'), 'row-1');

    await keyboard.press('PageDown');
    assert.ok(await activeName(panel).isVisible());
    await keyboard.press('Home');
    await keyboard.press('Enter');

    assert.deepEqual(await panel.intent('open'), { type: 'open', page: { page: 'adapter', id: contentId(0) } });
  });

  it('opens an adapter by click and comes back to the same row', async () => {
    const panel = await open(withEntries());
    await rows(panel).first().waitFor();
    await panel.page.locator('.list').focus();
    for (let press = 0; press < 30; press++) await panel.page.keyboard.press('ArrowDown');
    const name = await activeName(panel).textContent();

    await activeName(panel).click();
    await panel.page.locator('section.adapter').waitFor();
    await panel.page.keyboard.press('Tab');
    await panel.page.getByTitle('Back to the list').click();
    await activeName(panel).waitFor();

    assert.equal(await activeName(panel).textContent(), name);
    assert.ok(await activeName(panel).isVisible());
    assert.equal(await panel.page.evaluate('document.activeElement.className'), 'list');
  });

  it('reads the rows in sight again when the catalog changes', async () => {
    const panel = await open(withEntries());
    await rows(panel).first().waitFor();
    const before = listsAsked(panel).length;

    panel.setState({ catalogRevision: 7 });
    while (listsAsked(panel).length === before) await panel.nextIntent();

    assert.deepEqual(listsAsked(panel).at(-1), { type: 'list', query: {}, offset: 0, limit: 100 });
  });

  it('says how far a download is, and what is here', async () => {
    const panel = await open({ ...withEntries(many.slice(0, 8)), state: { ...joined, transfers: [transfer(1)] } });
    await rows(panel).first().waitFor();

    assert.match((await rows(panel).nth(1).textContent()) ?? '', /61%/);
    assert.match((await rows(panel).nth(2).textContent()) ?? '', /Downloaded/);
    assert.match((await rows(panel).nth(3).textContent()) ?? '', /Shared by me/);

    panel.setState({ transfers: [transfer(1, { phase: 'paused', bytesDone: 20_000_000 })] });
    await rows(panel).nth(1).getByText('82%').waitFor();
  });

  const emptiness = [
    { what: 'no rooms', state: {}, says: 'No rooms yet', press: 'Create Private Room', run: 'loraSwarm.createRoom' },
    {
      what: 'the network off',
      state: { ...joined, network: { mode: 'off', isOnline: true } as const },
      says: 'switched off',
      press: 'Open Settings',
      run: 'workbench.action.openSettings',
    },
    {
      what: 'no adapters',
      state: joined,
      says: 'No adapters yet',
      press: 'Share LoRA Adapter…',
      run: 'loraSwarm.share',
    },
  ];
  for (const { what, state, says, press, run } of emptiness)
    it(`offers the next step with ${what}`, async () => {
      const panel = await open({ state, answers: { list: listOf([]), models: () => models } });

      await panel.page.getByText(says).waitFor();
      await panel.page.getByText(press).click();
      await panel.intent('run');

      assert.equal(panel.commands[0]?.command, run);
    });

  it('sends to the doctor when nobody is in the room', async () => {
    const panel = await open({
      state: { rooms: [room()] },
      answers: { list: listOf([]), doctor: () => ({ checks: [] }) },
    });

    await panel.page.getByText('Nobody here yet').waitFor();
    await panel.page.getByText('Run Doctor').click();

    await panel.page.getByRole('heading', { name: 'Doctor' }).waitFor();
  });

  it('clears search and filters when nothing matches', async () => {
    const panel = await open(withEntries(few));
    await rows(panel).first().waitFor();

    await panel.page.locator('vscode-text-field').first().click();
    await panel.page.keyboard.type('zzz');
    await panel.page.getByText('Nothing matches').waitFor();
    await panel.page.getByText('Clear filters').click();
    await rows(panel).nth(2).waitFor();

    assert.deepEqual(listsAsked(panel).at(-1)?.query, {});
    assert.equal(await panel.page.evaluate('document.querySelector("vscode-text-field").value'), '');
  });

  it('says why a list did not come, and can be asked again', async () => {
    let isBroken = true;
    const panel = await open({
      state: joined,
      answers: {
        models: () => models,
        list: (request) => {
          if (isBroken) throw new LoraSwarmError('STORE_FAILED', 'Reading the catalog failed. Try again.');
          return listOf(few)(request);
        },
      },
    });
    await panel.page.getByRole('alert').getByText('Reading the catalog failed. Try again.').waitFor();

    isBroken = false;
    await panel.page.locator('vscode-text-field').first().click();
    await panel.page.keyboard.type('ana');
    await rows(panel).first().waitFor();

    assert.equal(await panel.page.getByText('Reading the catalog failed').isVisible(), false);
  });
});
