import assert from 'node:assert/strict';
import c from 'compact-encoding';
import { formatBytes, table, terminalText } from '../../src/cli/format';
import { plainLog } from '../../src/engine/log';
import { hello } from '../../src/engine/net/messages';
import { generalKeys } from '../../src/engine/net/roomKeys';
import { plainText } from '../../src/engine/plainText';
import { SecurityGround, untilJoined } from '../helpers/securityGround';
import { message, opening } from '../helpers/strangers';

const ROOM = 'lora-swarm/room/1';
const ESCAPES = [
  '\u001b]0;owned\u0007',
  '\u001b[2J\u001b[31m',
  '\u009b31m',
  '\u001b]8;;http://evil.example\u0007click\u001b]8;;\u0007',
  'a\r\n2026-01-01 [info] all is well',
  'a\u2028b\u2029c',
  '\u202eevil\u202c',
  'pay\u200bpal\ufeff',
  '\u0000',
];
/** What a terminal obeys, what a log takes for a line, what an editor makes a link or an icon of. */
const OBEYED = /[\p{Cc}\p{Cf}\u2028\u2029]|\$\(|\]\(/u;

describe('T19, T22: escapes, line ends and links in what others wrote', function () {
  this.timeout(10_000);

  it('are gone in one line of text, whatever they are made of', () => {
    for (const text of [...ESCAPES, '$(verified)', '[ok](command:x)', '$\u200b(x)', ']\u202e(x)'])
      assert.doesNotMatch(plainText(text), OBEYED, JSON.stringify(text));
  });

  it('are gone in every entry of the log, which stays one entry', () => {
    const entries: string[] = [];
    const add = (text: string): void => void entries.push(text);
    const log = plainLog({ trace: add, debug: add, info: add, warn: add, error: add });

    for (const level of ['trace', 'debug', 'info', 'warn', 'error'] as const)
      for (const text of ESCAPES) log[level](`Ollama said: ${text}`);

    assert.equal(entries.length, 5 * ESCAPES.length);
    for (const entry of entries) {
      assert.doesNotMatch(entry.replaceAll('\n  ', ''), /[\p{Cc}\p{Cf}\u2028\u2029]/u);
      assert.ok(entry.split('\n').every((line, i) => i === 0 || line.startsWith('  ')));
    }
  });

  it('are gone in what a terminal is given', () => {
    const rows = ESCAPES.map((text) => [text, formatBytes(1)]);

    for (const line of table(['NAME', 'SIZE'], rows)) assert.doesNotMatch(line, OBEYED);
    for (const text of ESCAPES) assert.doesNotMatch(terminalText(text).replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
  });

  it('are gone before the name of a peer is in any state, event or log', async () => {
    const ground = await SecurityGround.open();
    const ana = await ground.rooms('ana');
    ana.rooms.joinGeneral();
    await untilJoined(ana);
    const stranger = await ground.strangers().dial(ana.keys.publicKey);
    stranger.say(opening(1, ROOM, stranger.proof(generalKeys()), Buffer.from([0])));
    await stranger.next(0);

    const name = 'Eve\u001b[2J\u202e$(verified-filled) [ok](command:x)\r\nall is well\u0007';
    const numbers = { version: 1, epoch: 1, seq: 0, seenEpoch: 0, seenSeq: 0 };
    stranger.say(message(1, 0, c.encode(hello, { ...numbers, features: [], name })));
    await ana.until(() => ana.happened.some(({ type }) => type === 'peer:connected'));

    const shown = [
      ana.rooms.peers.states(() => 0).map((peer) => peer.name),
      ana.rooms.members('general').map((member) => member.name),
      ana.happened.flatMap((event) => (event.type === 'peer:connected' ? [event.name] : [])),
    ].flat();
    await ground.close();
    assert.ok(shown.some((text) => text.startsWith('Eve')));
    for (const text of [...shown, ...ana.warnings]) assert.doesNotMatch(text, OBEYED);
  });
});
