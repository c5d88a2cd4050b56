// A process with a real engine that fetches one adapter and may be struck at any point: node victim.cjs ORDER
import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { queryObjects } from 'node:v8';
import { createEngine, type Engine } from '../../src/engine/engine';
import { silentLog } from '../../src/engine/log';
import { armFaults, type Armed } from '../helpers/faults';
import type { Measures, VictimCommand, VictimOrder, VictimWord } from './victimOrders';

const { writeSync } = fs; // Not one of the calls that are counted.
const tell = (word: VictimWord): void => void writeSync(1, `${JSON.stringify(word)}\n`);

async function main(): Promise<void> {
  const order = JSON.parse(process.argv[2] ?? '') as VictimOrder;
  const opened = Promise.withResolvers<Engine>();
  const ended = new Promise<void>((resolve) => listen(opened.promise, resolve));
  const lag = order.watchesLag === true ? monitorEventLoopDelay({ resolution: 10 }) : undefined;
  lag?.enable();
  const armed = order.dieAt === undefined ? undefined : await armDeath(order.dieAt);
  let retries = order.retries ?? 0;
  const attempt = async <T>(step: 'open' | 'get', work: () => Promise<T>): Promise<T> => {
    for (;;)
      try {
        return await work();
      } catch (error) {
        tellError(order, step, error);
        if (retries-- <= 0) throw error;
      }
  };

  const engine = await attempt('open', () =>
    createEngine({
      ...{ home: order.home, host: order.host, bootstrap: order.bootstrap },
      ollamaHost: 'http://127.0.0.1:9', // Nothing listens there.
      log: silentLog,
      ...(order.lane === undefined ? {} : { lane: order.lane }),
    }),
  );
  opened.resolve(engine);
  tell({ kind: 'opened', key: engine.state.identity.key });
  if (order.isTalkative === true) talk(engine);
  const { get, share } = order;
  if (share !== undefined)
    tell({ kind: 'shared', id: (await engine.wish('share', { path: share, rooms: ['lab'] })).id });
  const fetched = get === undefined ? Promise.resolve() : attempt('get', () => fetchIt(engine, order, get));
  if (get === undefined || order.stays === true) {
    await fetched.catch(() => undefined); // It was told.
    await ended;
  } else await fetched;
  await engine.close().catch((error: unknown) => tellError(order, 'close', error));
  tell({
    ...{ kind: 'closed', peakRss: process.resourceUsage().maxRSS * 1_024, calls: armed?.calls ?? 0 },
    ...(lag ? { lagMs: lag.max / 1e6 } : {}),
  });
  process.exit(0); // The listener of the input would keep it.
}

async function fetchIt(engine: Engine, { room, maxRate }: VictimOrder, target: string): Promise<void> {
  if (room !== undefined) await engine.wish('joinRoom', { room, label: 'lab' });
  const { path, resumedBytes, refetchedBytes, sources } = await engine.wish('get', {
    target,
    ...(maxRate === undefined ? {} : { maxRate }),
  });
  tell({ kind: 'got', path, resumedBytes, refetchedBytes, sources });
}

function armDeath(at: number): Promise<Armed> {
  return armFaults({
    at,
    strike: (_call, tear) => {
      if (at % 2 === 0) tear();
      process.kill(process.pid, 'SIGKILL');
      throw new Error('still alive');
    },
  });
}

function talk(engine: Engine): void {
  engine.onDidChangeState(({ transfers }) => {
    const transfer = transfers.find(({ direction }) => direction === 'download');
    if (!transfer) return;
    const { bytesDone, phase, sources, problem } = transfer;
    tell({
      kind: 'progress',
      bytesDone,
      phase,
      sources,
      at: performance.now(),
      ...(problem ? { problem: `${problem.code} ${problem.message}` } : {}),
    });
  });
}

function listen(opened: Promise<Engine>, end: () => void): void {
  const lines = createInterface({ input: process.stdin });
  lines.on('close', () => process.exit(4)); // Whoever started this is gone.
  lines.on('line', (line) => {
    const command = JSON.parse(line) as VictimCommand;
    switch (command.kind) {
      case 'end':
        end();
        break;
      case 'clock':
        moveClock(command.addMs);
        break;
      case 'measure':
        tell({ kind: 'measured', number: command.number, ...measure() });
        break;
      case 'fetch':
        void opened.then(async (engine) => {
          await engine.wish('get', { target: command.id });
          await engine.wish('forget', { id: command.id });
          tell({ kind: 'fetched', number: command.number });
        });
    }
  });
}

function measure(): Measures {
  // Counting collects what nobody holds any more.
  const emitters = queryObjects(EventEmitter, { format: 'count' });
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heldBytes: heapUsed + external, emitters, handles: process.getActiveResourcesInfo().length };
}

/** What the user, or the time of the network, does to the clock of a machine. The monotonic one goes on as it was. */
function moveClock(addMs: number): void {
  const { now } = Date;
  const Real = Date;
  Date.now = () => now() + addMs;
  globalThis.Date = class extends Real {
    constructor(...args: unknown[]) {
      if (args.length === 0) super(now() + addMs);
      else super(...(args as [string]));
    }
  } as DateConstructor;
}

function tellError({ home, get }: VictimOrder, step: 'open' | 'get' | 'close', error: unknown): void {
  const { name, message, code } = error as Error & { code?: string };
  const files = ['partial', 'library'].map((area) => `${home}/${area}/${get}/adapter_model.safetensors`);
  const diskBytes = files.reduce(
    (sum, file) => sum + 512 * (fs.statSync(file, { throwIfNoEntry: false })?.blocks ?? 0),
    0,
  );
  tell({ kind: 'error', step, isOurs: name === 'LoraSwarmError', code: code ?? name, message, diskBytes });
}

main().catch(() => process.exit(3)); // It was told.
