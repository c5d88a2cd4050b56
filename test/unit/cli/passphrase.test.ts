import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { Output } from '../../../src/cli/output';
import { readPassphrase } from '../../../src/cli/passphrase';

/** A terminal's input: what is typed comes as it is while it is raw. */
class Keyboard extends PassThrough {
  readonly isTTY = true;
  readonly modes: boolean[] = [];

  setRawMode(isRaw: boolean): this {
    this.modes.push(isRaw);
    return this;
  }
}

describe('readPassphrase', () => {
  let said: string;
  const stderr = { write: (text: string) => void (said += text) };
  const read = (stdin: Readable, isNew = false, env: Record<string, string> = {}): Promise<string> => {
    const output = new Output({ stdout: stderr, stderr, isJson: false, env: {} });
    return readPassphrase({ env, stdin: () => stdin, output }, isNew);
  };
  beforeEach(() => (said = ''));

  it('takes the variable before anything else', async () => {
    const stdin = Readable.from(['from standard input\n']);

    assert.equal(await read(stdin, true, { LORA_SWARM_PASSPHRASE: 'from the variable' }), 'from the variable');
  });

  it('takes the first line of standard input, as it stands', async () => {
    for (const text of ['two words \nmore', 'two words \r\n', 'two words '])
      assert.equal(await read(Readable.from([text.slice(0, 3), text.slice(3)])), 'two words ');
    await assert.rejects(read(Readable.from(['\n'])), { code: 'USAGE' });
    await assert.rejects(read(Readable.from(['x'.repeat(10_000)])), { code: 'USAGE' });
  });

  it('asks at a terminal without showing anything of it, and lets the terminal be as it was', async () => {
    const keyboard = new Keyboard();
    const typed = read(keyboard);

    keyboard.write('secrt');
    keyboard.write('\u007fet word🦙\r');

    assert.equal(await typed, 'secret word🦙');
    assert.deepEqual(keyboard.modes, [true, false]);
    assert.ok(said.includes('Passphrase') && !said.includes('secr'));
  });

  it('asks twice for a new one', async () => {
    for (const [second, isGood] of [
      ['first words', true],
      ['first word', false],
    ] as const) {
      const keyboard = new Keyboard();
      const typed = read(keyboard, true);
      keyboard.write('first words\r');
      await new Promise((resolve) => setImmediate(resolve));
      keyboard.write(`${second}\r`);

      if (isGood) assert.equal(await typed, 'first words');
      else await assert.rejects(typed, { code: 'USAGE', message: /not the same/ });
    }
  });

  it('is cancelled by Ctrl-C', async () => {
    const keyboard = new Keyboard();
    const typed = read(keyboard);

    keyboard.write('half\u0003');

    await assert.rejects(typed, { name: 'AbortError' });
    assert.deepEqual(keyboard.modes, [true, false]);
  });
});
