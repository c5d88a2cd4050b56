import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_SETTINGS, parseSetting, type SettingKey } from '../../../src/engine/settings';

const root = join(import.meta.dirname, '../../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
const { commands, configuration, menus, views, viewsWelcome, walkthroughs } = manifest.contributes;

interface Manifest {
  main: string;
  icon: string;
  activationEvents: string[];
  extensionKind: string[];
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
  contributes: {
    commands: { command: string; category: string; icon?: string }[];
    configuration: { properties: Record<string, { default: unknown; scope: string; enum?: unknown[] }> };
    menus: Record<string, { command: string; when: string; group?: string }[]>;
    views: Record<string, { id: string; icon: string; when?: string }[]>;
    viewsContainers: { activitybar: { icon: string }[] };
    viewsWelcome: { view: string; contents: string }[];
    walkthroughs: { steps: { media: { svg: string }; completionEvents: string[] }[] }[];
  };
}

const paletteWhen = (command: string): string | undefined =>
  menus['commandPalette']?.find((item) => item.command === command)?.when;

/** Whether the rows of one clause are also rows of the other: each kind of row that the second names. */
function covers(menu: string, button: string): boolean {
  const [viewOfMenu, viewOfButton] = [menu, button].map((when) => /view == ([\w.]+)/.exec(when)?.[1]);
  const pattern = /viewItem =~ \/(.+)\/$/.exec(menu)?.[1] ?? '';
  const [, head = '', alternatives = '', tail = ''] =
    /viewItem =~ \/\^([^(|$]*)(?:\(([^)]*)\))?([^$]*)\$?\/$/.exec(button) ?? [];
  const rows = (alternatives === '' ? [''] : alternatives.split('|')).map((one) =>
    `${head}${one}${tail}`.replaceAll('\\', ''),
  );
  return viewOfMenu === viewOfButton && rows.every((row) => new RegExp(pattern).test(row));
}

describe('package.json', () => {
  it('declares every setting of the engine with the same default', () => {
    for (const key of Object.keys(DEFAULT_SETTINGS) as SettingKey[]) {
      const property = configuration.properties[`loraSwarm.${key}`];

      assert.ok(property, key);
      assert.deepEqual(parseSetting(key, property.default), DEFAULT_SETTINGS[key], key);
      for (const value of property.enum ?? []) assert.equal(parseSetting(key, value), value, key);
    }
  });

  it('lets no workspace decide about a setting', () => {
    for (const [key, { scope }] of Object.entries(configuration.properties))
      assert.ok(scope === 'machine' || scope === 'application', key);
  });

  it('keeps folders and addresses with the machine', () => {
    for (const key of ['storage.path', 'ollama.url', 'network.bootstrap'])
      assert.equal(configuration.properties[`loraSwarm.${key}`]?.scope, 'machine', key);
    for (const key of manifest.capabilities.untrustedWorkspaces.restrictedConfigurations)
      assert.ok(configuration.properties[key], key);
  });

  it('offers only commands that it declares, in menus, welcome texts and walkthrough', () => {
    const declared = new Set(commands.map(({ command }) => command));
    const nls = readFileSync(join(root, 'package.nls.json'), 'utf8');
    const linked = [...nls.matchAll(/\(command:([\w.]+)\)/g)].map((match) => match[1]!);
    const inMenus = Object.values(menus).flatMap((items) => items.map(({ command }) => command));
    const completing = walkthroughs
      .flatMap(({ steps }) => steps.flatMap(({ completionEvents }) => completionEvents))
      .filter((event) => event.startsWith('onCommand:'))
      .map((event) => event.slice('onCommand:'.length));

    const unknown = [...linked, ...inMenus, ...completing].filter(
      (command) => !declared.has(command) && !command.startsWith('workbench.'),
    );

    assert.deepEqual(unknown, []);
  });

  it('puts all its commands under one category in the palette', () => {
    for (const { command, category } of commands) assert.equal(category, 'LoRA Swarm', command);
  });

  it('shows in the palette only what can do something, by facts that the window tells', () => {
    const told = readFileSync(join(root, 'src/ui/contextKeys.ts'), 'utf8');
    const set = new Set([...told.matchAll(/#set\(\s*'(\w+)'/g)].map((match) => match[1]!));
    set.add('adapterFolders'); // By workspaceAdapters.ts.
    const asked = Object.values(manifest.contributes.menus)
      .flat()
      .flatMap(({ when }) => [...when.matchAll(/loraSwarm\.(\w+)/g)].map((match) => match[1]!))
      .filter((key) => !['rooms', 'library', 'transfers'].includes(key));

    assert.deepEqual(
      asked.filter((key) => !set.has(key)),
      [],
    );
    for (const command of [
      'removeMember',
      'showMembers',
      'leaveRoom',
      'joinGeneral',
      'resume',
      'moveDownload',
      'unshare',
    ])
      assert.ok(paletteWhen(`loraSwarm.${command}`), command);
  });

  it('lets the keyboard reach every command, in the palette or in the menu of a row', () => {
    const rowMenus = (menus['view/item/context'] ?? []).filter(({ group }) => !group?.startsWith('inline'));
    const reachable = new Set([...rowMenus, ...(menus['explorer/context'] ?? [])].map(({ command }) => command));
    // These stand in no menu: the row itself, pressed with Enter, and a button that has a name.
    const rows = ['loraSwarm.showMore', 'loraSwarm.reveal'];

    const lost = commands
      .map(({ command }) => command)
      .filter((command) => paletteWhen(command) === 'false' && !reachable.has(command) && !rows.includes(command));

    assert.deepEqual(lost, []);
  });

  it('has every button of a row in its menu, too, which the keyboard opens', () => {
    const items = menus['view/item/context'] ?? [];
    const buttons = items.filter(({ group }) => group?.startsWith('inline'));

    for (const { command, when } of buttons)
      assert.ok(
        items.some((item) => item.command === command && !item.group?.startsWith('inline') && covers(item.when, when)),
        `${command} ${when}`,
      );
  });

  it('ends in an ellipsis where a question comes first, in both languages', () => {
    const asking = [
      'removeMember',
      'showMembers',
      'joinGeneral',
      'joinRoom',
      'limitRoom',
      'backUpIdentity',
      'revokeKey',
    ];
    for (const name of ['package.nls.json', 'package.nls.pt-br.json']) {
      const bundle = JSON.parse(readFileSync(join(root, name), 'utf8')) as Record<string, string>;
      for (const command of asking) assert.match(bundle[`command.${command}`] ?? '', /…$/, `${name} ${command}`);
    }
  });

  it('gives an icon to every command that stands in a row or a title', () => {
    const withIcon = new Set(commands.filter(({ icon }) => icon).map(({ command }) => command));
    const shown = Object.values(menus)
      .flat()
      .filter((item) => /^(?:inline|navigation)/.test(item.group ?? ''));

    assert.deepEqual(
      shown.filter(({ command }) => !withIcon.has(command)).map(({ command }) => command),
      [],
    );
  });

  it('names only files and views that exist', () => {
    const viewIds = Object.values(views)
      .flat()
      .map(({ id }) => id);
    const media = [
      manifest.icon,
      ...manifest.contributes.viewsContainers.activitybar.map(({ icon }) => icon),
      ...walkthroughs.flatMap(({ steps }) => steps.map(({ media: { svg } }) => svg)),
    ];

    for (const file of media) assert.ok(existsSync(join(root, file)), file);
    for (const { view } of viewsWelcome) assert.ok(viewIds.includes(view), view);
    for (const { when } of [...(menus['view/title'] ?? []), ...(menus['view/item/context'] ?? [])])
      assert.ok(viewIds.includes(/view == ([\w.]+)/.exec(when)?.[1] ?? ''), when);
  });

  it('matches only rows that the trees draw', () => {
    const drawn = readdirSync(join(root, 'src/ui/views'))
      .map((name) => readFileSync(join(root, 'src/ui/views', name), 'utf8'))
      .join('\n');

    for (const { when } of menus['view/item/context'] ?? []) {
      const pattern = /viewItem =~ \/\^\(?([a-z]+)/.exec(when)?.[1];
      assert.ok(pattern && new RegExp(`['\`]${pattern}\\.`).test(drawn), when);
    }
  });

  it('runs where the files are', () => {
    assert.deepEqual(manifest.extensionKind, ['workspace']);
  });
});
