import { createEngine, type EngineOptions } from '../../src/engine/engine';
import { silentLog } from '../../src/engine/log';
import type { WishName, Wishes } from '../../src/engine/wishes';
import { createInterface } from 'node:readline';

// An engine in a process of its own: argv is the options as JSON, each line of stdin a wish or "close". It says what came of
// each, and must then end by itself: nobody calls `process.exit`.

type Line = { readonly name: WishName; readonly params: unknown } | { readonly name: 'close' };

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2]!) as Omit<EngineOptions, 'log'>;
  const engine = await createEngine({ ...options, log: silentLog });
  const tell = (told: object): void => void process.stdout.write(`${JSON.stringify(told)}\n`);
  engine.onDidChangeState((state) => tell({ type: 'state', state }));
  tell({ type: 'ready' });

  const lines = createInterface({ input: process.stdin });
  lines.on('line', (text) => {
    const line = JSON.parse(text) as Line;
    if (line.name === 'close') {
      const began = performance.now();
      lines.close();
      process.stdin.destroy();
      void engine.close().then(() => tell({ type: 'closed', ms: performance.now() - began }));
      return;
    }
    engine.wish(line.name, line.params as Wishes[typeof line.name]['params']).then(
      (result) => tell({ type: line.name, result }),
      (error: unknown) => tell({ type: 'failed', wish: line.name, error: String(error) }),
    );
  });
}

void main();
