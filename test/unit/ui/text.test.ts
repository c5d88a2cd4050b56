import assert from 'node:assert/strict';
import { isModelName } from '../../../src/shared/panelFields';
import { adapterName, peerText } from '../../../src/ui/text';

/** As in VS Code's `linkedText.ts`: what a notification turns into something to click. */
const LINK = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/i;
/** As in VS Code's `iconLabels.ts`. */
const ICON = /(\\)?\$\([A-Za-z0-9-]+(?:~[A-Za-z]+)?\)/;

describe('peerText', () => {
  it('leaves ordinary names of any script alone', () => {
    for (const name of ['ana/sql-coder', 'João Araújo', '李雷', 'ليلى', 'Zoë 🙂', 'naïve – “quoted”'])
      assert.equal(peerText(name), name.normalize('NFC'));
  });

  it('takes out direction marks, zero-width and control characters', () => {
    assert.equal(peerText('a\u202eb\u200bc\u2066d\u001b[31me\u009b2Jf\u0000'), 'abcd[31me2Jf');
    assert.equal(peerText('pay\u034fpal\u3164\u{e0101}'), 'paypal');
  });

  it('puts line ends and runs of spaces on one line', () => {
    assert.equal(peerText('  one\r\ntwo\u2028three\t\tfour '), 'one two three four');
  });

  it('breaks icons and command links', () => {
    assert.equal(peerText('$(verified-filled) ana'), '$ (verified-filled) ana');
    assert.equal(
      peerText('[ok](command:workbench.action.terminal.new)'),
      '[ok] (command:workbench.action.terminal.new)',
    );
  });

  it('breaks an icon or a link that appears only once invisible characters are gone', () => {
    assert.doesNotMatch(peerText('$\u200b(zap)'), ICON);
    assert.doesNotMatch(peerText('[x]\u202e\u2060(command:a)'), LINK);
  });

  it('cuts at the limit by whole characters and says so', () => {
    assert.equal(peerText('🙂'.repeat(100), 5), '🙂🙂🙂🙂…');
    assert.equal(peerText('x'.repeat(80)), 'x'.repeat(80));
  });

  it('limits marks stacked on one letter', () => {
    assert.equal(peerText(`h${'\u0337'.repeat(50)}i`), `h${'\u0337'.repeat(4)}i`);
  });

  it('gives nothing for what is no text', () => {
    for (const value of [undefined, null, 7, {}, ['a']]) assert.equal(peerText(value), '');
  });

  it('keeps its promises for random hostile text', () => {
    const random = generator(20_251_121);

    for (let round = 0; round < 20_000; round++) {
      const input = hostileText(random);

      const once = peerText(input);

      assert.equal(peerText(once), once, JSON.stringify(input));
      assert.ok(Array.from(once).length <= 80, JSON.stringify(input));
      assert.doesNotMatch(once, LINK);
      assert.doesNotMatch(once, ICON);
      assert.doesNotMatch(once, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    }
  });
});

describe('adapterName', () => {
  it('passes the strict form and gives the short id for anything else', () => {
    const id = 'abcdef0123456789';

    assert.equal(adapterName('ana/sql-coder', id), 'ana/sql-coder');
    for (const name of ['an\u0430/x', '[a](command:b)', 'a/b/c', '', 'a b', '$(zap)', undefined, 'a/../b'])
      assert.equal(adapterName(name, id), 'abcdef01');
  });
});

describe('isModelName', () => {
  it('knows names of Ollama and refuses what a program could take for something else', () => {
    for (const name of ['p2p-ana-chat', 'llama3.2:latest', 'hf.co/ana/Chat-GGUF:Q4_K_M'])
      assert.equal(isModelName(name), true, name);
    for (const name of ['-h', '--help', 'a b', 'a;b', '$(x)', '%COMSPEC%', 'a:b:c', '', 'a/../b', 'a\n'])
      assert.equal(isModelName(name), false, name);
  });
});

/** Small and repeatable (mulberry32), so that a failure can be run again. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const PIECES = [
  '$',
  '(',
  ')',
  '[',
  ']',
  '](',
  '$(',
  'command:',
  'https://x',
  'zap',
  '~spin',
  ' ',
  '\n',
  '\u0000',
  '\u001b[2J',
];
const INVISIBLE = [
  '\u200b',
  '\u200d',
  '\u202e',
  '\u2066',
  '\ufeff',
  '\u034f',
  '\ufe0f',
  '\u{e0061}',
  '\ud800',
  '\u00ad',
];
const LETTERS = ['a', 'é', 'e\u0301', '\u0337', '\u1100', '\u1161', '한', '🙂', '👩‍👩‍👧', '\u3000', '\u0344', '\u0958'];

function hostileText(random: () => number): string {
  const pick = (from: readonly string[]): string => from[Math.floor(random() * from.length)]!;
  return Array.from({ length: Math.floor(random() * 120) }, () => {
    const kind = random();
    if (kind < 0.45) return pick(PIECES);
    if (kind < 0.65) return pick(INVISIBLE);
    if (kind < 0.9) return pick(LETTERS);
    return String.fromCodePoint(Math.floor(random() * 0x11_0000));
  }).join('');
}
