import assert from 'node:assert/strict';
import type * as vscode from 'vscode';
import { formatRoomCode } from '../../src/engine/net/roomCode';
import type { UiParts } from '../../src/ui/parts';
import { WindowStub } from '../helpers/windowStub';

const ID = 'ab'.repeat(32);
const CODE = formatRoomCode(Buffer.alloc(16, 7));

/** What a web page can have the editor open: good links, half ones, and attacks on whatever reads them. */
const LINKS: readonly (readonly [path: string, query: string])[] = [
  ['/join', `code=${CODE}`],
  ['/adapter', `id=${ID}`],
  ['/adapter', `id=${ID}&room=general`],
  ['/adapter', `id=${ID}&room=local`],
  ['/adapter', `id=${ID}&room=0123456789abcdef`],
  ['/join', ''],
  ['/join', 'code=1'],
  ['/join', `code=${CODE}&code=${CODE}`],
  ['/join', `code=${'A'.repeat(10_000)}`],
  ['/adapter', `id=../../${ID}`],
  ['/adapter', `id=${ID}&room=$(rm -rf ~)`],
  ['/adapter', `id=${ID.toUpperCase()}&install=1&yes=1`],
  ['/install', `id=${ID}`],
  ['/get', `id=${ID}`],
  ['/../join', `code=${CODE}`],
  ['/join/', `code=${CODE}`],
  ['//evil.example/join', `code=${CODE}`],
  ['/command', 'workbench.action.terminal.new'],
  ['/settings', 'ollama.url=http://evil.example'],
  ['', ''],
  ...['%00', '%0d%0a', '\u202e', '__proto__', 'constructor', '[x](command:y)', '%', '%E0%A4%A', '&&&&', '=='].flatMap(
    (text) =>
      [
        ['/join', `code=${text}`],
        ['/adapter', `id=${text}`],
        [`/${text}`, text],
      ] as const,
  ),
];

describe('T24: a link that a web page opens', () => {
  const window = new WindowStub();
  let wishes: string[];
  let pages: unknown[];
  let open: (path: string, query: string) => Promise<void>;
  beforeEach(async () => {
    window.asked.length = 0;
    window.answer = () => undefined;
    wishes = [];
    pages = [];
    const { UriHandler } = await window.standIn(() => import('../../src/ui/uriHandler'));
    const log = { info: noop, warn: noop, error: noop, debug: noop, trace: noop, show: noop };
    const parts = {
      engine: {
        state: { rooms: [] },
        wish: (name: string) => {
          wishes.push(name);
          return Promise.resolve(name === 'rooms' ? { rooms: [] } : { id: 'x' });
        },
      },
      log,
      openPage: (page: unknown) => void pages.push(page),
    } as unknown as UiParts;
    const handler = new UriHandler(parts);
    open = (path, query) => handler.handleUri({ path, query } as unknown as vscode.Uri);
  });

  it('does nothing before a click: no room, no page, no command, whatever it says', async () => {
    assert.ok(LINKS.length >= 50);
    for (const [path, query] of LINKS) await open(path, query);

    assert.deepEqual([wishes, pages], [[], []]);
    const calls = new Set(window.asked.map(([call]) => call));
    assert.deepEqual([...calls], ['window.showWarningMessage']);
  });

  it('says nothing of its own in what it asks, but the end of a code and of an id', async () => {
    for (const [path, query] of LINKS) await open(path, query);

    const said = JSON.stringify(window.asked);
    assert.doesNotMatch(said, /evil|command:|rm -rf|\.\.\/|__proto__|\u202e/);
    assert.ok(!said.includes(CODE) && said.includes(CODE.slice(-4)));
  });

  it('opens a page after the click, and joins nothing with it', async () => {
    window.answer = (call, args) => (call === 'window.showWarningMessage' ? args.at(-1) : undefined);

    await open('/adapter', `id=${ID}&room=general`);

    assert.deepEqual(pages, [{ page: 'adapter', id: ID }]);
    assert.deepEqual(wishes, ['rooms']);
    // The command that asks for consent, which a click on the link is not.
    assert.deepEqual(
      window.asked.flatMap(([call, [name]]) => (call === 'commands.executeCommand' ? [name] : [])),
      ['loraSwarm.joinGeneral'],
    );
  });
});

function noop(): void {
  // Nobody listens.
}
