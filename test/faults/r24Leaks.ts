import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { keyPair } from 'hypercore-crypto';
import { Strangers } from '../helpers/strangers';
import { untilState, type TestEngine } from '../helpers/testEngines';
import type { Bout, Fault } from './fault';
import type { Victim } from './process';
import type { Measures } from './victimOrders';

const LANE = 83;
const SEED = 2_400;
const MIB = 1024 ** 2;
/** Of these turns one takes the network away and brings it back. */
const RECONNECT_EACH = 6;
const STRANGERS_EACH = 3;
/** What is only made once is made in the first part of the time. */
const WARM_SHARE = 0.3;
/** Two of them are looked at. */
const SAMPLE_TURNS = 11;
const SETTLE_MS = 500;
const FIRST_REST_MS = 2_000;
const LET_GO_MS = 20_000;
/** What is open at the moment of a look differs by this much. */
const MORE_EMITTERS = 40;
/** From here on the resident memory is judged as well: before, the allocator is still finding its size. */
const LONG_MINUTES = 120;

interface Look extends Measures {
  readonly minute: number;
  readonly turn: number;
}

/** One engine that gives and fetches, meets and loses the same peer, and is knocked at by strangers, for as long as is wanted. */
export const leaks: Fault = {
  id: 'R24',
  title: 'nothing grows while an engine lives',
  strike: async (bout) => {
    const ground = await bout.ground;
    const { home } = await ground.newHome(LANE);
    const victim = ground.start({
      ...{ home, share: await ground.writeAdapter('tiny', SEED), stays: true, room: ground.room },
    });
    const friend = await ground.engines.open('soak', { bootstrap: ground.bootstrap });
    // From other addresses, as each may only come so often in a minute.
    const strangers = Array.from({ length: 4 }, (_, i) => new Strangers(ground.dht, `127.0.0.${20 + i}`));
    try {
      await bout.point('given, fetched, met, lost', async () => {
        await friend.engine.wish('joinRoom', { room: ground.room, label: 'lab' });
        const theirs = await ground.writeAdapter('tiny', SEED + 1);
        const { id: friends } = await friend.engine.wish('share', { path: theirs, rooms: ['lab'] });
        const { id: victims } = await victim.until((word) => word.kind === 'shared');
        const { key } = await victim.until((word) => word.kind === 'opened');
        const turns = new Turns({ victim, friend, strangers, key, victims, friends });
        judge(bout, await looksOf(bout, turns, victim));
        return undefined;
      });
    } finally {
      victim.command({ kind: 'end' });
      await victim.exited;
      for (const each of strangers) await each.close();
      await ground.engines.close(friend.engine);
      ground.removeHome(home);
    }
  },
};

async function looksOf(bout: Bout, turns: Turns, victim: Victim): Promise<Look[]> {
  const looks: Look[] = [];
  const startedAt = performance.now();
  const minute = (): number => (performance.now() - startedAt) / 60_000;
  const isOver = (): boolean => (bout.isSample ? turns.done >= SAMPLE_TURNS : minute() >= bout.minutes);
  let lookAt = WARM_SHARE;
  while (!isOver()) {
    await turns.next();
    const share = bout.isSample ? turns.done / SAMPLE_TURNS : minute() / bout.minutes;
    if (share < lookAt) continue;
    lookAt = share + (bout.isSample ? 0.6 : 0.04);
    looks.push({ ...(await settled(victim, looks[0])), minute: minute(), turn: turns.done });
  }
  bout.note(`${turns.done} turns: ${turns.transfers} transfers, ${turns.meetings} meetings, ${turns.knocks} strangers`);
  return looks;
}

let measures = 0;

/** Connections that ended are let go of after some seconds, when nothing can come on them any more. */
async function settled(victim: Victim, first: Measures | undefined): Promise<Measures> {
  const startedAt = performance.now();
  for (;;) {
    const number = ++measures;
    victim.command({ kind: 'measure', number });
    const word = await victim.until((each) => each.kind === 'measured' && each.number === number);
    if (word.kind !== 'measured') throw new Error('no measures');
    const isQuiet = first !== undefined && word.emitters <= first.emitters + MORE_EMITTERS;
    const restedMs = performance.now() - startedAt;
    if (isQuiet || restedMs > (first ? LET_GO_MS : FIRST_REST_MS)) return word;
    await wait(SETTLE_MS);
  }
}

function judge(bout: Bout, looks: readonly Look[]): void {
  const third = Math.max(1, Math.floor(looks.length / 3));
  const growth = (of: (look: Look) => number): number =>
    median(looks.slice(-third), of) - median(looks.slice(0, third), of);
  const held = growth(({ heldBytes }) => heldBytes);
  const [emitters, handles] = [growth((look) => look.emitters), growth((look) => look.handles)];
  const late = looks.filter(({ minute }) => minute > 60);
  const slope = perHour(bout.minutes >= LONG_MINUTES ? late : looks);
  const resident = bout.isSample ? '' : `, resident ${inMib(growth(({ rss }) => rss))}, ${inMib(slope)} an hour`;
  bout.note(`more at the end: held ${inMib(held)}, emitters ${emitters}, handles ${handles}${resident}`);
  assert.ok(held <= (bout.isSample ? 4 : 2) * MIB, `it holds ${inMib(held)} more`);
  assert.ok(emitters <= MORE_EMITTERS, `${emitters} emitters more`);
  assert.ok(handles <= 6, `${handles} handles more`);
  if (!bout.isSample && bout.minutes >= LONG_MINUTES) assert.ok(slope < MIB, `${inMib(slope)} an hour`);
}

function median(looks: readonly Look[], of: (look: Look) => number): number {
  const values = looks.map(of).sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)] ?? 0;
}

/** Of the resident memory, by least squares. */
function perHour(looks: readonly Look[]): number {
  const mean = (of: (look: Look) => number): number => looks.reduce((sum, look) => sum + of(look), 0) / looks.length;
  const [hours, bytes] = [mean(({ minute }) => minute / 60), mean(({ rss }) => rss)];
  const above = mean(({ minute, rss }) => (minute / 60 - hours) * (rss - bytes));
  return above / mean(({ minute }) => (minute / 60 - hours) ** 2);
}

const inMib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;

interface TurnParts {
  readonly victim: Victim;
  readonly friend: TestEngine;
  readonly strangers: readonly Strangers[];
  readonly key: string;
  /** Adapters that each of them shares. */
  readonly victims: string;
  readonly friends: string;
}

/** What happens to an engine again and again. */
class Turns {
  done = 0;
  transfers = 0;
  meetings = 0;
  knocks = 0;

  constructor(private readonly parts: TurnParts) {}

  async next(): Promise<void> {
    const { victim, friend, victims, friends } = this.parts;
    const number = this.done++;
    await this.#friendIsThere();
    const fetched = victim.until((word) => word.kind === 'fetched' && word.number === number);
    victim.command({ kind: 'fetch', number, id: friends });
    await friend.engine.wish('get', { target: victims });
    await friend.engine.wish('forget', { id: victims });
    await fetched;
    this.transfers += 2;
    await this.#knock();
    if (number % RECONNECT_EACH !== RECONNECT_EACH - 1) return;
    await friend.engine.wish('setSetting', { key: 'network.mode', value: 'off' });
    await friend.engine.wish('setSetting', { key: 'network.mode', value: 'all' });
    this.meetings++;
  }

  async #friendIsThere(): Promise<void> {
    const { friend, key } = this.parts;
    await untilState(friend.engine, ({ peers }) => peers.some((peer) => peer.key === key));
  }

  /** Somebody dials who proves nothing. */
  async #knock(): Promise<void> {
    const { strangers, key } = this.parts;
    for (let i = 0; i < STRANGERS_EACH; i++) {
      const stranger = await strangers[this.knocks++ % strangers.length]!.dial(Buffer.from(key, 'hex'), keyPair());
      stranger.stream.destroy();
      await stranger.closed;
    }
  }
}
