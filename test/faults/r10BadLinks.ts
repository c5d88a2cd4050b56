import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { BadLink, noBadLinks, type LinkOptions } from './badLink';
import type { Bout, Fault, PointResult } from './fault';
import type { Ground, Size } from './ground';
import { checkHome } from './laws';
import type { Victim } from './process';
import { endsWell, hasBytes, onlyLonely } from './recovery';
import { Sharers } from './sharers';

const RECOVER_MS = 30_000;
const WHOLE_MS = 120_000;
/** A link that is slow to say what it lost may bring it twice. */
const IN_FLIGHT_BYTES = 32 * 1024 ** 2;

const LOSSES: readonly LinkOptions[] = [
  { delay: 25 },
  { delay: 75 },
  { delay: 40, jitter: 10, loss: 0.5 },
  { delay: 40, jitter: 10, loss: 2 },
  { delay: 10, jitter: 20, loss: 5 },
];
const DISORDERS: readonly LinkOptions[] = [
  { delay: 20, reorder: 20 },
  { delay: 20, jitter: 30, reorder: 5, dup: 5, loss: 1 },
  { delay: 10, mtu: 1280 },
];

/** Packets are late and get lost. */
export const losses: Fault = {
  id: 'R10',
  title: 'loss and latency',
  strike: (bout) => throughLinks(bout, 100, bout.pick(LOSSES, 1), bout.rounds(5, 1), whole),
};

/** Packets overtake each other, come twice, and are small. */
export const disorder: Fault = {
  id: 'R11',
  title: 'reordered, doubled and small packets',
  strike: (bout) => throughLinks(bout, 110, bout.pick(DISORDERS, 1), bout.rounds(5, 1), whole),
};

/** The machine gets another address in the middle of it. */
export const newAddress: Fault = {
  id: 'R12',
  title: 'another address',
  strike: (bout) =>
    throughLinks(bout, 120, [{ delay: 5 }], bout.rounds(10, 1), async (run) => {
      const { link, round, bout: at } = run;
      const [from, to] = [`10.66.0.${2 + round}`, `10.66.0.${3 + round}`];
      const took = await recovers(run, () => {
        link.changeAddress(from, to);
        return Promise.resolve();
      });
      at.note(`went on ${(took / 1_000).toFixed(1)} s after the change`);
    }),
};

/** Everything that is sent vanishes for a while; nobody is told. */
export async function blackHoles(bout: Bout): Promise<void> {
  for (const ms of bout.isSample ? [8_000] : [5_000, 20_000, 120_000])
    await throughLinks(bout, 130, [{ delay: 5 }], 1, async (run) => {
      const took = await recovers(run, async () => {
        run.link.setHole(true);
        await wait(ms);
        run.link.setHole(false);
      });
      bout.note(`went on ${(took / 1_000).toFixed(1)} s after ${ms / 1_000} s without a network`);
    });
}

interface Run {
  readonly bout: Bout;
  readonly link: BadLink;
  readonly victim: Victim;
  readonly bytes: number;
  readonly round: number;
}

/** Downloads across each link, with something that happens on the way. */
async function throughLinks(
  bout: Bout,
  firstLane: number,
  links: readonly LinkOptions[],
  rounds: number,
  happens: (run: Run) => Promise<void>,
): Promise<void> {
  const missing = noBadLinks();
  if (missing !== undefined) {
    bout.leaveOut(`bad links: ${missing}`);
    return;
  }
  const ground = await bout.ground;
  for (const options of links) {
    const link = await BadLink.open(options);
    const size: Size = (options.loss ?? 0) > 1 || bout.isSample ? 'small' : 'middle';
    let sharers: Sharers | undefined;
    try {
      sharers = await Sharers.start(ground, { count: 1, first: firstLane, lane: true, place: link.near, size });
      for (let round = 0; round < rounds; round++) {
        const { adapter } = sharers;
        await bout.point(`${JSON.stringify(options)}, round ${round}`, () =>
          across(ground, firstLane + 1, adapter, link, (victim) =>
            happens({ bout, link, victim, bytes: adapter.manifest.size, round }),
          ),
        );
      }
    } finally {
      await sharers?.end();
      await link.close();
    }
  }
}

async function across(
  ground: Ground,
  lane: number,
  adapter: Sharers['adapter'],
  link: BadLink,
  happens: (victim: Victim) => Promise<void>,
): Promise<PointResult> {
  const { home, kept } = await ground.newHome(lane);
  const victim = ground.start(
    { home, get: adapter.id, maxRate: adapter.manifest.size / 3, isTalkative: true, retries: 3 },
    { ...link.far, limitMs: 2 * WHOLE_MS },
  );
  try {
    await happens(victim);
    const { refetchedBytes } = await endsWell(victim, WHOLE_MS, 'across the link');
    onlyLonely(victim);
    assert.ok(refetchedBytes <= IN_FLIGHT_BYTES, `L2: ${refetchedBytes} bytes twice`);
    await checkHome(home, kept, adapter.manifest);
    return { refetched: refetchedBytes };
  } finally {
    victim.kill();
    await victim.exited;
    ground.removeHome(home);
  }
}

async function whole(): Promise<void> {
  // Nothing happens but what the link does.
}

/** @returns milliseconds until it went on after something that stopped it. */
async function recovers({ victim, bytes }: Run, strike: () => Promise<void>): Promise<number> {
  await hasBytes(victim, 0.2 * bytes);
  await strike();
  const before = victim.said('progress')?.bytesDone ?? 0;
  const struckAt = performance.now();
  // What was under way when it struck does not count.
  await hasBytes(victim, Math.min(bytes, before + 1.5e6));
  const took = performance.now() - struckAt;
  assert.ok(took <= RECOVER_MS, `it went on after ${Math.round(took)} ms only`);
  return took;
}
