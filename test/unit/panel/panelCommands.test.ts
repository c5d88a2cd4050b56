import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { COMMANDS } from '../../../src/ui/panel/panelCommands';

describe('commands of the panel', () => {
  it("are ones that the extension contributes, but for the editor's settings", () => {
    const manifest = JSON.parse(fs.readFileSync(path.resolve(__dirname, '../../../package.json'), 'utf8')) as {
      contributes: { commands: { command: string }[] };
    };
    const contributed = new Set(manifest.contributes.commands.map(({ command }) => command));

    const others = Object.values(COMMANDS).filter(({ command }) => !contributed.has(command));

    assert.deepEqual(others, [{ command: 'workbench.action.openSettings', argument: 'loraSwarm' }]);
  });
});
