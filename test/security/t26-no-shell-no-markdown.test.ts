import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../run/machine';
import { sourceFiles } from '../unit/project/imports';

const SOURCES = sourceFiles(ROOT, ['src', 'webview']).map(
  (file) => [file, fs.readFileSync(path.join(ROOT, file), 'utf8')] as const,
);

/** Where a call stands, each once, without what stands in comments. */
function places(call: RegExp): string[] {
  return SOURCES.filter(([, text]) => call.test(withoutComments(text))).map(([file]) => file);
}

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');

describe('T26: names of peers and commands', () => {
  it('never meet in a shell: there is none', () => {
    assert.deepEqual(places(/\{[^}]*\bexec(?:Sync)?\b[^}]*\} from 'node:child_process'|\bexecSync\(/), []);
    assert.deepEqual(places(/\bshell:\s*(?:true|['"])|\.sendText\(/), []);
  });

  it('meet no program but by a list of arguments, in these places', () => {
    assert.deepEqual(places(/\b(?:spawn|spawnSync|execFile|execFileSync|fork)\(/), [
      'src/cli/demo/inference.ts', // llama.cpp of the repository, with files that the demo wrote.
      'src/cli/relaunch.ts', // The same command in a newer Node.
      'src/engine/flows/networkCost.ts', // nmcli and its like, with arguments of our own.
    ]);
    // A model to talk to: its name is checked, and an argument.
    assert.deepEqual(places(/\bcreateTerminal\(/), ['src/ui/commands/chat.ts']);
  });

  it('are not made into code', () => {
    assert.deepEqual(
      places(/\beval\(|\bnew Function\(|\bvm\b.*\brun|\.innerHTML\b|insertAdjacentHTML|document\.write/),
      [],
    );
  });
});

describe('T23: Markdown in the window', () => {
  it('is written in one tooltip, whose facts are escaped and whose link is ours', () => {
    assert.deepEqual(places(/\bMarkdownString\(/), ['src/ui/statusBar.ts']);
    assert.deepEqual(places(/\bsupportHtml\b|\bisTrusted\s*=\s*true/), []);
    const [, text] = SOURCES.find(([file]) => file === 'src/ui/statusBar.ts')!;
    assert.match(text, /appendText\(facts\)/);
    assert.match(text, /isTrusted = \{ enabledCommands: \['loraSwarm\.doctor'\] \}/);
    assert.deepEqual(
      [...text.matchAll(/appendMarkdown\((.*)\)/g)].map(([, given]) => given),
      ["`\\n\\n[${t('Why 0 peers?')}](command:loraSwarm.doctor)`"],
    );
  });
});
