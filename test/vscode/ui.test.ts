import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../run/machine';
import { BASE_MODEL, openGround, runFolder, type Ground } from './ground';
import { SwarmWindow } from './swarmWindow';

const ADAPTER = 'ana/sql-coder';
const MODEL = 'p2p-ana-sql-coder';
const FILES = runFolder('sql-coder');
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

  it('download with the button of the row, into a model in Ollama', async () => {
    const { workbench } = bo;
    const before = await ground.models();
    await workbench.pressInRow(workbench.row('Rooms', ADAPTER), 'Download Adapter…');
    await workbench.reply(/^May fit tiny-llama(:latest)?: same shape, lineage unknown$/);

    await workbench.toast(new RegExp(`${ADAPTER} is in Ollama as ${MODEL}`)).waitFor();

    const after = await ground.models();
    assert.deepEqual(
      after.filter((model) => !before.includes(model)),
      [`${MODEL}:latest`],
    );
    await workbench.row('Library', `in Ollama as ${MODEL}`).waitFor();
  });

  it('have the same bytes on both sides', () => {
    const received = fs
      .readdirSync(bo.engineHome, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => sha256(fs.readFileSync(path.join(entry.parentPath, entry.name))));

    assert.ok(received.includes(sha256(FILES['sql-coder/adapter_model.safetensors']!)));
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
