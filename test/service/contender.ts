import { openEngine } from '../../src/service/client';
import { LoraSwarmError } from '../../src/engine/errors';
import { silentLog } from '../../src/engine/log';

// A window or terminal: argv is the storage folder, the worker, and what to do. Prints one word a line.
const [home, workerPath, task] = process.argv.slice(2) as [string, string, string];

async function main(): Promise<void> {
  const client = await openEngine({ home, workerPath, log: silentLog });
  const say = (word: string): boolean => process.stdout.write(`${word}\n`);
  say(client.isLeader ? 'leads' : 'follows');

  if (task === 'get') {
    const { bytes, resumedBytes } = await client.wish('get', { target: 'id' }, { onProgress: () => say('progress') });
    say(`got ${bytes} resumed ${resumedBytes}`);
  }
  if (task === 'share')
    await client
      .wish('share', { path: 'x', rooms: [] }, { onProgress: () => say('asked') })
      .catch((error: unknown) => error instanceof LoraSwarmError && say(`share ${error.code} ${error.action?.kind}`));

  process.stdin.resume();
  process.stdin.once('end', () => void client.close().then(() => say('closed')));
  if (task === 'stay')
    setInterval(() => {
      if (client.isLeader) say('leads');
    }, 5).unref();
}

void main();
