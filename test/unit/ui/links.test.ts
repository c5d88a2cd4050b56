import assert from 'node:assert/strict';
import { MAX_LINK_LENGTH } from '../../../src/engine/limits';
import { formatJoinCode } from '../../../src/engine/net/members/joinCode';
import { formatRoomCode, inviteLink } from '../../../src/engine/net/roomCode';
import { adapterLink, parseLink, readInvite } from '../../../src/ui/links';
import { idOf } from './states';

const code = formatRoomCode(Buffer.alloc(16, 7));

function parse(link: string): ReturnType<typeof parseLink> {
  const url = new URL(link);
  return parseLink(url.pathname, url.search.slice(1));
}

describe('parseLink', () => {
  it('reads an invite as the engine writes it', () => {
    const once = formatJoinCode(Buffer.alloc(16, 3));

    assert.deepEqual(parse(inviteLink('vscodium', code)), { kind: 'join', code });
    assert.deepEqual(parse(inviteLink('vscode', once)), { kind: 'join', code: once });
    assert.equal(readInvite(` ${once.toLowerCase()} `), once);
  });

  it('reads a link to an adapter, with and without its room', () => {
    const id = idOf('b');

    assert.deepEqual(parse(adapterLink('vscode', id)), { kind: 'adapter', id });
    assert.deepEqual(parse(adapterLink('vscode', id, 'general')), { kind: 'adapter', id, room: 'general' });
    assert.deepEqual(parse(adapterLink('vscode', id, '0123456789abcdef')), {
      kind: 'adapter',
      id,
      room: '0123456789abcdef',
    });
  });

  it('drops a room that is none, and parameters that it does not know', () => {
    const id = idOf('b');

    assert.deepEqual(parseLink('/adapter', `id=${id}&room=../../x&install=true`), { kind: 'adapter', id });
  });

  it('refuses everything else', () => {
    const id = idOf('b');
    const bad: [string, string][] = [
      ['/join', ''],
      ['/join', 'code='],
      ['/join', `code=${code.slice(0, -1)}U`],
      ['/join', `code=${code}&code=${code}`],
      ['/join/', `code=${code}`],
      ['/Join', `code=${code}`],
      ['/run', `command=workbench.action.terminal.new`],
      ['/adapter', `id=${id.toUpperCase()}`],
      ['/adapter', `id=${id}0`],
      ['/adapter', `id=${id}&id=${id}`],
      ['/adapter', 'id=%2e%2e%2f'],
      ['', ''],
      ['/join', `code=${code}&x=${'y'.repeat(MAX_LINK_LENGTH)}`],
    ];

    for (const [path, query] of bad) assert.equal(parseLink(path, query), undefined, `${path}?${query}`);
  });
});

describe('readInvite', () => {
  it('takes a code or a link, however it was pasted', () => {
    assert.equal(readInvite(code), code);
    assert.equal(readInvite(` ${code.toLowerCase().replaceAll('-', ' ')}\n`), code);
    assert.equal(readInvite(inviteLink('vscode-insiders', code)), code);
  });

  it('refuses a link to something else and a code with a typing error', () => {
    const other = code.startsWith('0') ? `1${code.slice(1)}` : `0${code.slice(1)}`;

    assert.equal(readInvite(other), undefined);
    assert.equal(readInvite(`https://example.org/?code=${code}`), undefined);
    assert.equal(readInvite('://'), undefined);
    assert.equal(readInvite(''), undefined);
    assert.equal(readInvite(code.repeat(50)), undefined);
  });
});
