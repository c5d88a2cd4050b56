import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../run/machine';
import { BASE_MODEL, openGround, runFolder, type Ground } from './ground';
import { SwarmWindow } from './swarmWindow';

const ADAPTER = 'ana/sql-coder';
const MODEL = 'p2p-ana-sql-coder';
const PICKED = 'picked-by-ana';
const FILES: Readonly<Record<string, string | Buffer>> = {
  ...runFolder('sql-coder'),
  'sql-coder/Modelfile': 'FROM tiny-llama\nSYSTEM You answer with SQL.\nPARAMETER temperature 0.2\n',
  ...runFolder('dora', 'dora'),
  ...runFolder('style', 'all-r8'),
};
/** Where a failure leaves pictures of the windows and their logs. */
const REPORTS = path.join(ROOT, 'out-test', 'ui');

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

// One story in steps: each goes on where the one before ended, so the first that fails ends it.
describe('two windows', function () {
  this.timeout(120_000);
  this.bail(true);
  let ground: Ground;
  let ana: SwarmWindow;
  let bo: SwarmWindow;
  let invite: string;

  before(async () => {
    fs.rmSync(REPORTS, { recursive: true, force: true });
    ground = await openGround();
    ana = await SwarmWindow.open({ name: 'ana', env: ground.env, files: FILES });
    bo = await SwarmWindow.open({ name: 'bo', env: ground.env, files: { 'notes.txt': 'Nothing to share' } });
    for (const { workbench } of [ana, bo]) await workbench.traceLog();
  });

  afterEach(async function () {
    if (this.currentTest?.state !== 'failed') return;
    await Promise.all([ana.report(REPORTS), bo.report(REPORTS)]);
    console.log(`      pictures and logs are in ${path.relative(ROOT, REPORTS)}`);
  });

  after(async () => {
    for (const opened of [ana, bo, ground] as ({ close(): Promise<void> } | undefined)[]) await opened?.close();
  });

  it('start with no peers, and say what to do', async () => {
    for (const { workbench } of [ana, bo]) {
      await workbench.statusItem.getByText('0').waitFor();
      await workbench.showSwarm();
      await workbench.view('Rooms').getByRole('button', { name: 'Create Private Room' }).waitFor();
    }
  });

  it('make a private room with one click and copy its invite', async () => {
    const { workbench } = ana;
    await workbench.view('Rooms').getByRole('button', { name: 'Create Private Room' }).click();
    await workbench.reply(/What do you call this room/, 'lab');

    await workbench.pressInToast('The room is ready', 'Copy Invite');
    await workbench.row('Rooms', 'lab').waitFor();

    invite = await workbench.clipboard(/^[a-z-]+:\/\/lora-swarm\.lora-swarm\/join\?code=/);
  });

  it('share an adapter by its context menu, and show first what was found', async () => {
    const { workbench } = ana;
    await workbench.showExplorer();
    await workbench.explorerRow('sql-coder').click();
    await workbench.pickInExplorer('adapter_model.safetensors', 'Share LoRA Adapter…');

    await workbench.question('This was found').waitFor();
    await workbench.option(/r ?16/).first().waitFor();
    await workbench.reply('This was found');
    await workbench.reply(/author\/name/, ADAPTER);
    await workbench.reply('Licence of the adapter');
    await workbench.reply(/Tags/, 'sql');
    await workbench.question(/A Modelfile lies beside it/).waitFor();
    await workbench.option('System prompt').getByRole('checkbox').check();
    await workbench.answer.press('Enter');
    await workbench.option('lab').getByRole('checkbox').check();
    await workbench.answer.press('Enter');

    await workbench.pressInToast(`${ADAPTER} is shared in lab`);
    await workbench.showSwarm();
    await workbench.row('Library', ADAPTER).waitFor();
  });

  it('join by the invite and see peer, adapter and verdict', async () => {
    const { workbench } = bo;
    await workbench.runCommand('Join Private Room…');
    await workbench.reply(/Paste the invite/, invite);
    await workbench.reply(/What do you call this room/, 'from ana');

    await workbench.row('Rooms', 'from ana').waitFor();
    await workbench.row('Rooms', /^ana · /).waitFor();
    await workbench.row('Rooms', ADAPTER).waitFor();
    assert.match(await workbench.row('Rooms', ADAPTER).innerText(), new RegExp(`same shape as ${BASE_MODEL} · r16`));
    for (const window of [ana, bo]) await window.workbench.statusItem.getByText('1').waitFor();
  });

  it('download with the button of the row, into a model in Ollama, with the prompt that the author proposes', async () => {
    const { workbench } = bo;
    const before = await ground.models();
    await workbench.pressInRow(workbench.row('Rooms', ADAPTER), 'Download Adapter…');
    await workbench.reply(/^May fit tiny-llama(:latest)?: same shape, lineage unknown$/);

    // The author proposes something, so the questions of an install come, and nothing of it is ticked.
    await workbench.option(`Add to ${BASE_MODEL} as an adapter`).first().waitFor();
    await workbench.answer.press('Enter');
    await workbench.reply('Name of the model in Ollama');
    await workbench.question(/^The author proposes these/).waitFor();
    const prompt = workbench.option('System prompt').filter({ hasText: 'You answer with SQL.' });
    assert.equal(await prompt.getByRole('checkbox').isChecked(), false);
    await prompt.getByRole('checkbox').check();
    await workbench.answer.press('Enter');

    await workbench.toast(new RegExp(`${ADAPTER} is in Ollama as ${MODEL}: an adapter on ${BASE_MODEL}`));

    const after = await ground.models();
    assert.deepEqual(
      after.filter((model) => !before.includes(model)),
      [`${MODEL}:latest`],
    );
    assert.equal((await ground.show(MODEL)).system, 'You answer with SQL.');
    await workbench.row('Library', `in Ollama as ${MODEL}`).waitFor();
  });

  it('compare it with its base, both answers streamed side by side', async () => {
    const { workbench } = bo;
    await workbench.pressInToast(`${ADAPTER} is in Ollama as`, 'Compare with Base');
    const { panel } = workbench;
    await panel.getByRole('textbox', { name: 'Prompt' }).fill('Who is over 30?');
    await panel.getByRole('button', { name: 'Run' }).click();

    await panel.getByText(/^The answers (part|differ)/).waitFor();
    assert.deepEqual(await panel.locator('.answer h2').allTextContents(), [`${BASE_MODEL}:latest`, `${MODEL}:latest`]);
    const [base, model] = await panel.locator('.answer-text').allTextContents();
    assert.ok(base && model && base !== model);
    await panel
      .locator('.answer-figures')
      .getByText(/^\d+ tokens · .* tokens\/s$/)
      .first()
      .waitFor();
  });

  it('have the same bytes on both sides', () => {
    const received = fs
      .readdirSync(bo.engineHome, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => sha256(fs.readFileSync(path.join(entry.parentPath, entry.name))));

    assert.ok(received.includes(sha256(Buffer.from(FILES['sql-coder/adapter_model.safetensors']!))));
  });

  it('show the adapter on its page', async () => {
    const { workbench } = bo;
    await workbench.row('Rooms', ADAPTER).click();

    await workbench.panel.getByRole('heading', { name: ADAPTER }).waitFor();
    await workbench.panel.getByText('fx/tiny-llama').first().waitFor();
  });

  it('come back after a reload with their rooms, peers and library', async () => {
    const { workbench } = bo;
    await workbench.reload();

    await workbench.showSwarm();
    await workbench.row('Rooms', 'from ana').waitFor();
    await workbench.row('Library', `in Ollama as ${MODEL}`).waitFor();
    await workbench.row('Rooms', ADAPTER).waitFor();
    await workbench.statusItem.getByText('1').waitFor();
  });

  it('install from the explorer: the way and its cost first, then a name of their own', async () => {
    const { workbench } = ana;
    await workbench.pickInExplorer('adapter_model.safetensors', 'Install in Ollama…');

    await workbench.question(/^(Fits|May fit) tiny-llama/).waitFor();
    await workbench
      .option(new RegExp(`Add to ${BASE_MODEL} as an adapter: .* KB, \\d+ s`))
      .first()
      .waitFor();
    await workbench.option('Another adapter for this model…').click();
    await workbench.option('From disk…').click();
    await workbench.option('style').click();
    await workbench.option(/style ?weight 1/).click();
    await workbench.reply(/How strongly style acts/, '0.5');
    await workbench.option(/style ?weight 0.5/).waitFor();
    await workbench.option('Add to').first().click();
    await workbench.reply('Name of the model in Ollama', PICKED);

    await workbench.pressInToast(new RegExp(`sql-coder is in Ollama as ${PICKED}: an adapter on ${BASE_MODEL}`));
    assert.ok((await ground.models()).includes(`${PICKED}:latest`));
  });

  it('agree to a merged copy where no adapter layer can do it', async () => {
    const { workbench } = ana;
    await workbench.explorerRow('sql-coder').click();
    await workbench.explorerRow('dora').click();
    await workbench.pickInExplorer('adapter_model.safetensors', 'Install in Ollama…');
    await workbench.option(new RegExp(`Merge into a copy of ${BASE_MODEL}: `)).waitFor();
    await workbench.question('Not possible here').waitFor();
    // What is impossible is only there to be read: Enter on it does nothing.
    await workbench.answer.press('ArrowDown');
    await workbench.answer.press('Enter');
    await workbench.answer.press('ArrowUp');
    await workbench.answer.press('Enter');

    const asked = workbench.dialog(`Make a merged copy of ${BASE_MODEL}`);
    await asked.getByText(/It takes .* on the disk for as long as you keep the model/).waitFor();
    await asked.getByRole('button', { name: 'Merge' }).click();
    await workbench.reply('Name of the model in Ollama', 'merged-by-ana');

    await workbench.pressInToast(/dora is in Ollama as merged-by-ana: merged into a copy of/);
    assert.ok((await ground.models()).includes('merged-by-ana:latest'));
  });

  it('find the adapter in Ollama, and share it from there', async () => {
    const { workbench } = ana;
    await workbench.showSwarm();
    const row = workbench.row('Library', `Ollama: ${PICKED}`);
    await row.waitFor();

    await workbench.pressInRow(row, 'Share LoRA Adapter…');

    await workbench.question('This was found').waitFor();
    // Rank 16 and rank 8, side by side in one layer.
    await workbench.option(/r ?24/).first().waitFor();
    await workbench.reply('This was found');
    await workbench.reply(/author\/name/, 'ana/from-ollama');
    await workbench.reply('Licence of the adapter');
    await workbench.reply(/Tags/, '');
    await workbench.option('lab').getByRole('checkbox').check();
    await workbench.answer.press('Enter');

    await workbench.pressInToast('ana/from-ollama is shared in lab');
    await bo.workbench.showSwarm();
    await bo.workbench.row('Rooms', 'ana/from-ollama').waitFor();
  });

  it('download what has nothing to ask with one answer', async () => {
    const { workbench } = bo;
    await workbench.pressInRow(workbench.row('Rooms', 'ana/from-ollama'), 'Download Adapter…');
    await workbench.reply(/^(Fits|May fit) tiny-llama/);

    await workbench.pressInToast('ana/from-ollama is in Ollama as p2p-ana-from-ollama');
  });

  it('merge two adapters on the page, into a folder that the editor asks for', async () => {
    const { workbench } = ana;
    await workbench.runCommand('LoRA Swarm: Merge Adapters…');
    const { panel } = workbench;
    for (const name of [ADAPTER, 'style']) {
      await panel.getByRole('combobox', { name: 'Add an adapter' }).click();
      await panel.getByRole('option', { name }).click();
    }
    await panel.getByText('Exact. Rank 16 + 8 = 24.').waitFor();
    await panel.getByRole('button', { name: 'Merge…' }).click();
    await workbench.answer.press('Enter');

    await panel.getByText('Exact: the result is the weighted sum.').waitFor();
    const folder = path.join(ana.profile.workspace, 'merged-adapter');
    assert.ok(fs.existsSync(path.join(folder, 'adapter_model.safetensors')));
    assert.equal(
      (JSON.parse(fs.readFileSync(path.join(folder, 'adapter_config.json'), 'utf8')) as { r: number }).r,
      24,
    );
  });

  it('write an adapter into a copy of its base, whose size is said before', async () => {
    const { workbench } = ana;
    await workbench.runCommand('LoRA Swarm: Merge into a Base Model…');
    await workbench.option(ADAPTER).click();
    await workbench.reply('Base model that the adapter was trained for');
    await workbench.option(/F32 ?\d+ KB/).waitFor();
    await workbench.reply(/^A whole model is written/);
    await workbench.question(/Merged Model \(\d+ KB\)/).waitFor();
    await workbench.answer.press('Enter');

    await workbench.pressInToast(/The merged model is written: \d+ KB, \d+ of \d+ tensors changed\./);
    assert.ok(fs.existsSync(path.join(ana.profile.workspace, `${BASE_MODEL}-merged.gguf`)));
  });

  it('see within seconds that it is no longer shared', async () => {
    await ana.workbench.pressInRow(ana.workbench.row('Library', ADAPTER), 'Stop Sharing');

    await bo.workbench.row('Rooms', ADAPTER).waitFor({ state: 'detached', timeout: 5000 });
  });

  it('meet in the room of the local network, too', async () => {
    for (const { workbench } of [ana, bo]) await workbench.runCommand('LoRA Swarm: Join Local Network Room');

    for (const { workbench } of [ana, bo]) await workbench.row('Rooms', /^Local network ?1 peer/).waitFor();
  });

  it('write neither the code of the room nor their keys into logs and folders', () => {
    const code = new URL(invite).searchParams.get('code') ?? '';
    assert.ok(code.length > 20);

    for (const window of [ana, bo]) {
      const log = window.log();
      assert.match(log, /\[(debug|trace)\]/);
      assert.ok(
        !log.includes(code) && !log.includes(code.replaceAll('-', '')),
        `the log of ${window.name} has the code`,
      );
      assert.doesNotMatch(log, /\[error\]/);
      assert.ok(!fs.existsSync(path.join(window.engineHome, 'identity.key')));
    }
  });

  it('have asked for nothing beyond this machine', () => {
    assert.deepEqual([...ana.external, ...bo.external, ...ground.ollama.outside], []);
  });
});
