import { createInterface } from 'node:readline';
import { LoraSwarmError } from '../../src/engine/errors';
import { silentLog } from '../../src/engine/log';
import { openEngine, type ServiceClient } from '../../src/service/client';
import type { ServiceOptions } from '../../src/service/session';
import type { WishName, Wishes } from '../../src/engine/wishes';

// A window or terminal with the real engine: argv is the options as JSON, each line of stdin a wish, each line of stdout what
// came of it. Ends when stdin does.

/** One line of stdin. */
export interface Asked {
  readonly id: number;
  readonly name: WishName;
  readonly params: unknown;
}

/** One line of stdout. */
export type Told =
  | { readonly type: 'ready' | 'closed' }
  /** The engine could not be opened. */
  | { readonly type: 'refused'; readonly code: string; readonly message: string }
  | { readonly type: 'leads'; readonly isLeader: boolean }
  | { readonly type: 'progress'; readonly id: number; readonly bytesDone: number; readonly bytesTotal: number }
  | {
      readonly type: 'transfer';
      readonly id: string;
      readonly phase: string;
      readonly bytesDone: number;
      readonly all: number;
    }
  | { readonly type: 'complete'; readonly path: string }
  | { readonly type: 'answer'; readonly id: number; readonly result: unknown }
  | { readonly type: 'error'; readonly id: number; readonly code: string; readonly message: string };

process.stdout.on('error', () => process.exit(4)); // Whoever started this is gone.
const tell = (told: Told): void => void process.stdout.write(`${JSON.stringify(told)}\n`);

async function answer(client: ServiceClient, { id, name, params }: Asked): Promise<void> {
  try {
    const result = await client.wish(name, params as Wishes[typeof name]['params'], {
      onProgress: (progress) => {
        if (progress.kind !== 'transfer') return;
        const { bytesDone, bytesTotal } = progress;
        tell({ type: 'progress', id, bytesDone, bytesTotal });
      },
    });
    tell({ type: 'answer', id, result });
  } catch (error) {
    const code = error instanceof LoraSwarmError ? error.code : 'BUG';
    tell({ type: 'error', id, code, message: String(error) });
  }
}

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2]!) as Omit<ServiceOptions, 'log'>;
  const client = await openEngine({ ...options, log: silentLog });
  client.onDidChangeState(({ transfers }) => {
    const downloads = transfers.filter(({ direction }) => direction === 'download');
    for (const { id, phase, bytesDone } of downloads)
      tell({ type: 'transfer', id, phase, bytesDone, all: downloads.length });
  });
  client.onDidHappen((event) => {
    if (event.type === 'transfer:complete') tell({ type: 'complete', path: event.path });
  });
  let wasLeader: boolean | undefined;
  const look = (): void => {
    if (client.isLeader === wasLeader) return;
    wasLeader = client.isLeader;
    tell({ type: 'leads', isLeader: wasLeader });
  };
  look();
  setInterval(look, 2).unref();
  tell({ type: 'ready' });

  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => void answer(client, JSON.parse(line) as Asked));
  lines.once('close', () => void client.close().then(() => tell({ type: 'closed' })));
}

main().catch((error: unknown) => {
  const code = error instanceof LoraSwarmError ? error.code : 'BUG';
  tell({ type: 'refused', code, message: String(error) });
  process.exitCode = 1;
});
