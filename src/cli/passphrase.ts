import type { Readable } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { abortError } from '../service/wireErrors';
import { usage } from './args';
import type { VerbContext } from './verbContext';

export const PASSPHRASE_VARIABLE = 'LORA_SWARM_PASSPHRASE';
/** A passphrase has at most 1,024 characters; what is longer is another file. */
const MAX_CHARS = 4_096;

/**
 * Reads a passphrase: from the environment, a terminal (without showing it), or the first line of standard input. Never from the
 * command, where other users of the machine could read it.
 *
 * @param isNew asks a person twice: a slip of the fingers would lock the file for good.
 * @throws {LoraSwarmError} `USAGE` when there is none, or the two are not the same.
 */
export async function readPassphrase(
  { env, stdin, output }: Pick<VerbContext, 'env' | 'stdin' | 'output'>,
  isNew: boolean,
): Promise<string> {
  const given = env[PASSPHRASE_VARIABLE];
  if (given) return given;
  const input = stdin();
  if (!isTerminal(input)) {
    const line = await firstLine(input);
    if (line === '') throw usage(`Which passphrase? Put it on standard input, or into ${PASSPHRASE_VARIABLE}.`);
    return line;
  }
  output.note(isNew ? 'Passphrase for the backup (not shown):' : 'Passphrase of the backup (not shown):');
  const typed = await hiddenLine(input);
  if (!isNew) return typed;
  output.note('Once more:');
  if ((await hiddenLine(input)) !== typed) throw usage('The two are not the same. Nothing was written. Try again.');
  return typed;
}

function isTerminal(input: Readable): input is ReadStream {
  return 'isTTY' in input && input.isTTY === true;
}

async function firstLine(input: Readable): Promise<string> {
  let text = '';
  for await (const piece of input.setEncoding('utf8') as AsyncIterable<string>) {
    text += piece;
    if (text.includes('\n') || text.length > MAX_CHARS) break;
  }
  const [line = ''] = text.split(/\r?\n/);
  if (line.length > MAX_CHARS) throw usage('That is no passphrase: it is too long.');
  return line;
}

/** Ctrl-C comes as a character here, as the terminal passes on all that is typed. */
function hiddenLine(input: ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    const end = (work: () => void): void => {
      input.off('data', onData);
      input.setRawMode(false);
      input.pause();
      work();
    };
    const onData = (text: string): void => {
      for (const char of text) {
        if (char === '\r' || char === '\n') {
          end(() => resolve(typed.join('')));
          return;
        }
        if (char === '\u0003' || char === '\u0004') {
          end(() => reject(abortError()));
          return;
        }
        if (char === '\u007f' || char === '\b') typed.pop();
        else if (char === '\u0015') typed = [];
        else if (char >= ' ' && typed.length < MAX_CHARS) typed.push(char);
      }
    };
    input.setEncoding('utf8');
    input.setRawMode(true);
    input.on('data', onData);
    input.resume();
  });
}
