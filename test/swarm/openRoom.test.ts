import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Testnet } from 'hyperdht/testnet';
import { silentLog } from '../../src/engine/log';
import { openEngine, type ServiceClient } from '../../src/service/client';
import { Terminal, ROOT, type Command } from '../cli/terminal';
import { Crowd } from '../helpers/crowd';
import { generalKeys } from '../../src/engine/net/roomKeys';
import { ROOM_PROTOCOL } from '../../src/engine/net/peer';
import { Strangers, opening } from '../helpers/strangers';
import { localDht } from '../helpers/testRooms';

/** A hundred engines in one process take more than two cores give: the whole number is for a machine that does nothing else. */
const IS_WHOLE = process.env['LORA_SWARM_TEST_WHOLE'] === '1';
const REAL = IS_WHOLE ? 100 : 25;
const SIMULATED = IS_WHOLE ? 1_000 : 250;
/** One of each. */
const ALL = REAL + SIMULATED;
const FLOOD = 1_000;
const BATCH = 50;

describe(`the general room with ${REAL} peers on a DHT and ${SIMULATED} more that are heard of`, function () {
  this.timeout(240_000);

  const terminal = new Terminal();
  let bootstrap: string[];
  let testnet: Testnet;
  let crowd: Crowd;
  let serving: Command;
  let engine: ServiceClient;
  let strangers: Strangers | undefined;
  before(async () => {
    testnet = await localDht();
    bootstrap = testnet.bootstrap.map(({ host, port }) => `${host}:${port}`);
    crowd = new Crowd(bootstrap);
    await crowd.join(REAL);
    await crowd.simulate(SIMULATED);
    // Then they rest: they share the processors with the engine that is measured.
    await Promise.all(crowd.peers.map((peer) => peer.until(() => peer.heard.size >= ALL - 1)));
    const home = path.join(terminal.folder, 'home');
    const env = { LORA_SWARM_HOST: '127.0.0.1', LORA_SWARM_BOOTSTRAP: bootstrap.join(','), OLLAMA_HOST: '127.0.0.1:9' };
    serving = terminal.start(['--json', 'serve'], { env });
    await serving.line('ready');
    engine = await openEngine({ home, workerPath: path.join(ROOT, 'dist', 'worker.js'), log: silentLog });
  });
  after(async () => {
    await engine.close();
    await terminal.dispose();
    await strangers?.close();
    await crowd.close();
    await testnet.destroy();
  });

  function changed(): Promise<void> {
    return new Promise((resolve) => {
      const listening = engine.onDidChangeState(() => {
        listening.dispose();
        resolve();
      });
    });
  }

  /** Waits until so many adapters are listed. @returns after how many seconds. */
  async function listed(count: number): Promise<number> {
    const startedAt = performance.now();
    const isThere = async (): Promise<boolean> => (await engine.wish('list', { limit: 1 })).total >= count;
    while (!(await isThere())) await changed();
    return (performance.now() - startedAt) / 1_000;
  }

  it('is listed within five seconds for who joins, and all of it soon, with less than a core and 300 MB', async () => {
    const before = usageOf(serving);
    const startedAt = performance.now();

    await engine.wish('joinRoom', { room: 'general' });
    const first = await listed(1);
    await listed(ALL);
    const seconds = Math.max(5, (performance.now() - startedAt) / 1_000); // A burst is over in no time.
    const { cpuSeconds, peakMegabytes } = usageOf(serving);

    assert.ok(first <= 5, `first listing after ${first} s`);
    assert.ok(cpuSeconds - before.cpuSeconds < seconds, `${cpuSeconds - before.cpuSeconds} s of CPU in ${seconds} s`);
    assert.ok(peakMegabytes < 300, `${peakMegabytes} MB`);
  });

  it('lets a peer that was there before in, while one address floods it with a thousand identities', async function () {
    if (process.platform === 'darwin') this.skip(); // One loopback address only.
    const { key } = await engine.wish('identity', {});
    const friend = crowd.peers.find((peer) => peer.rooms.peers.get(key)?.isIn('general'))!;
    await friend.close();
    await untilPeers((keys) => !keys.includes(friend.key));
    strangers = new Strangers(testnet, '127.0.0.2');

    const again = crowd.add(friend);
    const back = again.rooms.open().then(() => untilPeers((keys) => keys.includes(friend.key)));
    const flooding = new AbortController();
    void back.then(() => flooding.abort());
    let [dialled, inside] = [0, 0];
    for (; dialled < FLOOD || (!flooding.signal.aborted && dialled < 5 * FLOOD); dialled += BATCH)
      inside += await flood(strangers, Buffer.from(key, 'hex'));
    await back;

    assert.ok(inside <= 32, `${inside} of ${dialled} identities got in`);
    assert.ok(usageOf(serving).peakMegabytes < 300);
  });

  /** @returns how many of some more identities were let in. */
  async function flood(from: Strangers, key: Buffer): Promise<number> {
    const all = await Promise.all(Array.from({ length: BATCH }, () => from.dial(key)));
    for (const one of all.filter(({ isClosed }) => !isClosed))
      one.say(opening(1, ROOM_PROTOCOL, one.proof(generalKeys()), Buffer.from([0])));
    await Promise.all(all.map((one) => one.next(0)));
    return all.filter((one) => !one.isClosed && one.heard.length > 0).length;
  }

  async function untilPeers(fits: (keys: readonly string[]) => boolean): Promise<void> {
    const isSo = async (): Promise<boolean> => fits((await engine.wish('peers', {})).peers.map(({ key }) => key));
    while (!(await isSo())) await changed();
  }
});

/** Zeros where the system does not tell. */
function usageOf({ child }: Command): { cpuSeconds: number; peakMegabytes: number } {
  try {
    const fields = fs.readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    const status = fs.readFileSync(`/proc/${child.pid}/status`, 'utf8');
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
      peakMegabytes: (Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1_024) / 1e6,
    };
  } catch {
    return { cpuSeconds: 0, peakMegabytes: 0 };
  }
}
