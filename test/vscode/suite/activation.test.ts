import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import * as vscode from 'vscode';
import { DEFAULT_SETTINGS } from '../../../src/engine/settings';
import { ours } from './ours';

/** What only the engine needs. A bundle that loads these at once holds up the start of every window. */
const FOR_THE_ENGINE = ['dgram', 'net', 'tls', 'child_process', 'worker_threads', 'sqlite'];

interface Contributions {
  readonly commands: readonly { readonly command: string; readonly title: string }[];
  readonly views: Readonly<Record<string, readonly { readonly id: string; readonly name: string }[]>>;
  readonly configuration: { readonly properties: Readonly<Record<string, { readonly default: unknown }>> };
}

const contributed = (): Contributions => (ours().packageJSON as { contributes: Contributions }).contributes;

describe('the extension', () => {
  before(() => ours().activate());

  // How long this takes is in `npm run bench -- startup`: a window that starts keeps every core busy, and so does a run of tests.
  it('is started when the window is up', async () => {
    assert.equal(await activationEvent(ours().id), 'onStartupFinished');
  });

  it('loads nothing at the start of a window that only the engine needs', () => {
    const loaded = modulesOfBundle(path.join(ours().extensionPath, 'dist', 'extension.js'));

    assert.ok(loaded.includes('vscode'));
    assert.deepEqual(
      loaded.filter((name) => FOR_THE_ENGINE.includes(name)),
      [],
    );
  });

  it('registers every command that it contributes, and no other', async () => {
    const registered = (await vscode.commands.getCommands(true)).filter((id) => /^loraSwarm\.[a-zA-Z]+$/.test(id));

    assert.deepEqual(
      registered.sort(),
      contributed()
        .commands.map(({ command }) => command)
        .sort(),
    );
  });

  it('contributes three views that can be shown', async () => {
    const views = contributed().views['loraSwarm'] ?? [];

    const registered = new Set(await vscode.commands.getCommands(true));
    assert.deepEqual(
      views.map(({ id }) => id),
      ['loraSwarm.rooms', 'loraSwarm.library', 'loraSwarm.transfers'],
    );
    for (const { id } of views) assert.ok(registered.has(`${id}.focus`), id);
  });

  it('translates every text of its manifest', () => {
    assert.doesNotMatch(JSON.stringify(contributed()), /"%[^"]+%"/);
  });

  it('shows the defaults that the engine has', () => {
    const settings = vscode.workspace.getConfiguration('loraSwarm');

    for (const [key, value] of Object.entries(DEFAULT_SETTINGS)) {
      const shown = settings.inspect(key)?.defaultValue;
      // Rates are typed as text such as `20MB`.
      assert.deepEqual(typeof value === 'number' ? Number(shown) : shown, value, key);
    }
  });

  it('takes the command of the palette by the name that is promised', () => {
    const share = contributed().commands.find(({ command }) => command === 'loraSwarm.share');

    assert.equal(share?.title, 'Share LoRA Adapter');
  });
});

/** By what VS Code started an extension, from its own page on startup performance. */
async function activationEvent(id: string): Promise<string> {
  const row = (text: string) =>
    text.split('\n').find((line) => line.startsWith(`| ${id} `) && line.split('|').length === 9);
  const shown = new Promise<string>((resolve) => {
    // The page is written anew each time that VS Code knows more.
    const listening = vscode.workspace.onDidChangeTextDocument(({ document }) => look(document));
    const opening = vscode.workspace.onDidOpenTextDocument((document) => look(document));
    const look = (document: vscode.TextDocument) => {
      const found = document.uri.scheme === 'perf' ? row(document.getText()) : undefined;
      if (found === undefined) return;
      listening.dispose();
      opening.dispose();
      resolve(found);
    };
  });
  await vscode.commands.executeCommand('perfview.show');
  const cells = (await shown).split('|').map((cell) => cell.trim());
  await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  return cells[6] ?? '';
}

/** What a bundle asks Node for when it is loaded, without `node:`. */
function modulesOfBundle(file: string): string[] {
  const script = `
    const Module = require('node:module');
    const load = Module._load;
    const vscode = new Proxy({ __esModule: true }, { get: (own, name) => own[name] ?? class {} });
    const asked = [];
    Module._load = (name, ...rest) => {
      asked.push(name.replace(/^node:/, ''));
      return name === 'vscode' ? vscode : load(name, ...rest);
    };
    require(process.argv[1]);
    process.stdout.write(JSON.stringify(asked));
    process.exit();`;
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
  return JSON.parse(execFileSync(process.execPath, ['-e', script, file], { env, encoding: 'utf8' })) as string[];
}
