import assert from 'node:assert/strict';
import { formatBytes, formatCount, table, terminalText } from '../../../src/cli/format';
import { defaultHome } from '../../../src/cli/home';
import { Output } from '../../../src/cli/output';
import { progressText } from '../../../src/cli/progressBar';
import { LoraSwarmError } from '../../../src/engine/errors';

function sheet({
  isJson = false,
  isTTY = false,
  env = {},
}: { isJson?: boolean; isTTY?: boolean; env?: Record<string, string> } = {}) {
  const written = { out: '', err: '' };
  const output = new Output({
    stdout: { isTTY, write: (text) => (written.out += text) },
    stderr: { isTTY, columns: 60, write: (text) => (written.err += text) },
    isJson,
    env,
  });
  return {
    output,
    written,
    lines: () =>
      written.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
  };
}

const TRANSFER = { kind: 'transfer', id: 'ab', bytesDone: 5e6, bytesTotal: 2e7, rate: 1e6, sources: 2 } as const;

describe('output', () => {
  it('writes events, progress and one last result as objects with --json', () => {
    const { output, written, lines } = sheet({ isJson: true });

    output.event({ type: 'peers:updated', count: 1 });
    output.progress(TRANSFER);
    output.progress({ kind: 'find', message: 'looking' });
    output.note('for people');
    output.result({ id: 'x' }, ['for people']);
    output.event({ type: 'peers:updated', count: 2 });
    output.result({ id: 'y' }, []);
    const exit = output.error(new Error('late'));

    assert.deepEqual(lines(), [
      { type: 'peers:updated', count: 1 },
      { type: 'transfer:progress', id: 'ab', bytesDone: 5e6, bytesTotal: 2e7, rate: 1e6, sources: 2 },
      { type: 'progress', kind: 'find', message: 'looking' },
      { type: 'result', id: 'x' },
    ]);
    assert.equal(exit, 1);
    assert.match(written.err, /late/);
  });

  it('ends with an error object that has code, message and action', () => {
    const { output, written, lines } = sheet({ isJson: true });

    const exit = output.error(new LoraSwarmError('BASE_MISSING', 'Get it.', { kind: 'pullModel', model: 'llama3' }));

    assert.equal(exit, 1);
    assert.deepEqual(lines(), [
      { type: 'error', code: 'BASE_MISSING', message: 'Get it.', action: { kind: 'pullModel', model: 'llama3' } },
    ]);
    assert.equal(written.err, '');
  });

  it('has an exit code for each way to fail', () => {
    const exit = (error: unknown) => sheet({ isJson: true }).output.error(error);

    assert.equal(exit(new LoraSwarmError('USAGE', 'x')), 2);
    assert.equal(exit(new LoraSwarmError('NO_SOURCES', 'x')), 1);
    assert.equal(exit(new TypeError('x')), 1);
    assert.equal(exit(new DOMException('x', 'AbortError')), 130);
  });

  it('keeps the text of a bug off the result, and shows it on stderr', () => {
    const { output, written } = sheet({ isJson: true });

    output.error(new TypeError('secret'));

    assert.doesNotMatch(written.out, /secret/);
    assert.match(written.out, /"code":"UNEXPECTED"/);
    assert.match(written.err, /TypeError: secret/);
  });

  it('tells people what to do next, and nothing when they cancelled', () => {
    const failed = sheet();
    failed.output.error(new LoraSwarmError('CONFIRM_NEEDED', 'Anyone would see it.'));
    failed.output.error(
      new LoraSwarmError('OLLAMA_UNREACHABLE', 'No answer.', { kind: 'openSetting', key: 'ollama.url' }),
    );
    const stopped = sheet();
    stopped.output.error(new DOMException('x', 'AbortError'));

    assert.match(failed.written.err, /Anyone would see it\. Add --yes to confirm\./);
    assert.match(failed.written.err, /lora-swarm config set ollama\.url VALUE/);
    assert.equal(failed.written.out, '');
    assert.deepEqual(stopped.written, { out: '', err: '' });
  });

  it('uses colour on a terminal only, and never with NO_COLOR', () => {
    assert.equal(sheet().output.bold('x'), 'x');
    assert.equal(sheet({ isTTY: true }).output.bold('x'), '\u001b[1mx\u001b[22m');
    assert.equal(sheet({ isTTY: true, env: { NO_COLOR: '1' } }).output.bold('x'), 'x');
  });

  it('draws progress on stderr of a terminal only, no wider than it', () => {
    const terminal = sheet({ isTTY: true });
    terminal.output.progress(TRANSFER);
    terminal.output.result({}, ['done']);
    const pipe = sheet();
    pipe.output.progress(TRANSFER);

    const drawn = terminal.written.err.split('\r\u001b[K');
    assert.ok(drawn[1]!.startsWith('[#####') && drawn[1]!.length < 60);
    assert.equal(drawn[2], ''); // Taken away before the result.
    assert.equal(terminal.written.out, 'done\n');
    assert.equal(pipe.written.err, '');
  });

  it('lets nobody speak to the terminal', () => {
    const { output, written } = sheet();
    const evil = 'a\u001b]0;x\u0007\u009b2J\u202eb\r\nc';

    output.event({ type: 'peer:connected', key: 'ab', name: evil, rooms: [] });
    output.note(evil);
    output.result({}, [evil]);
    const terminal = sheet({ isTTY: true });
    terminal.output.result({}, [`${terminal.output.bold('x')}${evil}`]);

    assert.doesNotMatch(written.out.trimEnd(), /\p{C}/u);
    assert.match(terminal.written.out, /^.\[1mx.\[22ma \]0;x {2}2J b {2}c\n$/);
    assert.doesNotMatch(written.err.replaceAll('\n', ''), /\p{C}/u);
    const json = sheet({ isJson: true });
    json.output.result({ evil }, []);
    assert.doesNotMatch(json.written.out.trimEnd(), /\p{C}/u);
    assert.deepEqual(json.lines(), [{ type: 'result', evil }]);
    assert.doesNotMatch(table(['A'], [[evil]]).join(''), /\p{C}/u);
    assert.equal(terminalText('a  b\nc'), 'a  b\nc');
  });
});

describe('numbers for people', () => {
  it('are short', () => {
    assert.deepEqual([0, 999, 1000, 12_345, 99_950, 999_600, 1.5e9].map(formatBytes), [
      '0 B',
      '999 B',
      '1.0 KB',
      '12.3 KB',
      '100 KB',
      '1.0 MB',
      '1.5 GB',
    ]);
    assert.equal(formatCount(1_234_567), '1.2 M');
  });

  it('show how far a download is', () => {
    assert.equal(progressText(TRANSFER), '[#####               ]   25 %  5.0 MB of 20.0 MB  1.0 MB/s  2 sources');
    assert.match(progressText({ kind: 'hash', bytesDone: 0, bytesTotal: 0 }), /0 %  0 B of 0 B  hashing$/);
  });
});

describe('table', () => {
  it('aligns its columns and shows what is unknown', () => {
    assert.deepEqual(
      table(
        ['ID', 'NAME'],
        [
          ['abcd', undefined],
          ['e', 'x y'],
        ],
      ),
      ['ID    NAME', 'abcd  -', 'e     x y'],
    );
  });
});

describe('storage folder', () => {
  it("is the extension's, on every system", () => {
    const end = 'Code/User/globalStorage/lora-swarm.lora-swarm';

    assert.equal(defaultHome({}, 'linux', '/home/u'), `/home/u/.config/${end}`);
    assert.equal(defaultHome({ XDG_CONFIG_HOME: '/x' }, 'linux', '/home/u'), `/x/${end}`);
    assert.equal(defaultHome({}, 'darwin', '/Users/u'), `/Users/u/Library/Application Support/${end}`);
    assert.equal(
      defaultHome({ APPDATA: 'C:\\Users\\u\\AppData\\Roaming' }, 'win32', 'C:\\Users\\u'),
      `C:\\Users\\u\\AppData\\Roaming\\${end.replaceAll('/', '\\')}`,
    );
  });
});
