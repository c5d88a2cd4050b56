import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../run/machine';
import { openGround, runFolder, type Ground } from './ground';
import { writeFiles } from './profile';
import { SwarmWindow } from './swarmWindow';
import { TerminalPeer } from './terminalPeer';
import { Untranslated } from './untranslated';

const REPORTS = path.join(ROOT, 'out-test', 'portuguese');

// One story in steps, as in ui.test.ts.
describe('a window in Portuguese', function () {
  this.timeout(120_000);
  this.bail(true);
  const untranslated = new Untranslated('pt-br');
  let ground: Ground;
  let window: SwarmWindow;
  let kim: TerminalPeer;

  before(async () => {
    fs.rmSync(REPORTS, { recursive: true, force: true });
    ground = await openGround();
    window = await SwarmWindow.open({
      ...{ name: 'bo', env: ground.env, language: 'pt-br' },
      files: runFolder('runs/tone-r8', 'all-r8'),
    });
    kim = new TerminalPeer({ cli: window.cli, home: path.join(window.profile.folder, 'kim', 'home'), env: ground.env });
    await kim.run('config', 'set', 'identity.displayName', 'kim');
  });

  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await window.report(REPORTS);
  });

  after(async () => {
    for (const opened of [kim, window, ground] as ({ close(): Promise<void> } | undefined)[]) await opened?.close();
  });

  const expectPortuguese = async (options?: { readonly withPanel: boolean }): Promise<void> => {
    assert.deepEqual(await untranslated.in(window.workbench, options), []);
  };

  it('welcomes, asks and tells in it', async () => {
    const { workbench } = window;
    await workbench.showSwarm('Salas');
    const create = workbench.view('Salas').getByRole('button', { name: 'Criar sala privada' });
    await create.waitFor();
    await expectPortuguese();

    await create.click();
    await workbench.question(/Como você chama esta sala/).waitFor();
    await expectPortuguese();
    await workbench.reply(/Como você chama esta sala/, 'lab');
    await workbench.toast('A sala está pronta');
    await expectPortuguese();
    await workbench.pressInToast('A sala está pronta', 'Copiar convite');
  });

  it('says in it what the engine says of an adapter', async () => {
    const { workbench } = window;
    const invite = await workbench.clipboard(/join\?code=/);
    const run = path.join(window.profile.folder, 'kim', 'run');
    writeFiles(path.dirname(run), runFolder('run'));
    await kim.run('room', 'join', new URL(invite).searchParams.get('code') ?? '', '--name', 'lab');
    await kim.run('share', run, '--room', 'lab', '--name', 'kim/estilo', '--no-wait');
    await kim.stay('serve');

    await workbench.expand(workbench.row('Salas', /^lab/));
    await workbench.expand(workbench.row('Salas', /^kim · /));
    await workbench.row('Salas', /^kim\/estilo ?mesma forma que tiny-llama/).click();
    await workbench.panel.getByText('tem a mesma forma, mas não se sabe se é esse modelo').waitFor();
    await expectPortuguese({ withPanel: true });
  });

  it('has every page in it', async () => {
    const { workbench } = window;
    await workbench.runCommand('LoRA Swarm: Explorar adaptadores');
    await workbench.panel.getByText('Filtros').click();
    await workbench.panel.locator('.row').getByText('Mesma forma, origem desconhecida').waitFor();
    await expectPortuguese({ withPanel: true });

    await workbench.runCommand('LoRA Swarm: Diagnóstico');
    await workbench.panel.getByText('Conectados: 1, na rede local: 1').waitFor();
    await expectPortuguese({ withPanel: true });

    for (const [tab, title] of [
      ['Comparar', 'Comparar'],
      ['Mesclar', 'Mesclar adaptadores'],
    ] as const) {
      await workbench.panel.getByRole('navigation').getByText(tab).click();
      await workbench.panel.getByRole('heading', { name: title, level: 1 }).waitFor();
      await expectPortuguese({ withPanel: true });
    }
  });

  it('asks in it before a member is removed', async () => {
    const { workbench } = window;
    await workbench.runCommand('LoRA Swarm: Mostrar membros…');
    await workbench.option('kim').click();
    await workbench.option('Remover membro…').waitFor();
    await expectPortuguese();
    await workbench.option('Remover membro…').click();
    await workbench.dialog('da sala lab?').waitFor();
    await expectPortuguese();
    await workbench.dialog('da sala lab?').getByRole('button', { name: 'Cancel' }).click();
  });
});
