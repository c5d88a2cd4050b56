import { MAX_RUNNING_DOWNLOADS } from '../limits';
import { monotonicClock, type Clock } from '../transfer/clock';

/** Who found nobody to fetch from for this long lets the next one go. */
const IDLE_MS = 5_000;

export type QueueMove = 'first' | 'up' | 'down' | 'last';

interface Item {
  readonly id: string;
  /** Since when nobody has anything for it. */
  waitingSince: number | undefined;
  isIdle: boolean;
  /** Can't go on for a reason of its own. */
  isAside: boolean;
}

interface Plan {
  readonly running: ReadonlySet<string>;
  /** In order. */
  readonly queued: readonly string[];
  /** From 1, of those that are queued. */
  readonly places: ReadonlyMap<string, number>;
}

/**
 * Whose turn it is. There is one order, the order in which downloads were asked for, and the first four run.
 *
 * One that waits for a source, or is set aside, keeps its place in the order but takes no slot. It gets its slot back as
 * soon as it can use it, from the last one in the order that had got in.
 */
export class DownloadQueue {
  #items: Item[] = [];
  readonly #byId = new Map<string, Item>();
  #plan: Plan | undefined;

  constructor(private readonly clock: Clock = monotonicClock) {}

  /** All ids, in order. */
  get order(): readonly string[] {
    return this.#items.map(({ id }) => id);
  }

  /** As the last one, also when it had another place. */
  add(id: string): void {
    this.remove(id);
    const item = { id, waitingSince: undefined, isIdle: false, isAside: false };
    this.#items.push(item);
    this.#byId.set(id, item);
    this.#plan = undefined;
  }

  remove(id: string): void {
    if (!this.#byId.delete(id)) return;
    this.#items = this.#items.filter((item) => item.id !== id);
    this.#plan = undefined;
  }

  /** Whether it may fetch now. One that waits for a source may: it takes no slot until there is one. */
  mayRun(id: string): boolean {
    return this.#planned.running.has(id) || this.#find(id)?.isIdle === true;
  }

  /** From 1, among those that wait for their turn. */
  placeOf(id: string): number | undefined {
    return this.#planned.places.get(id);
  }

  /** How a download that may run is getting on. @returns whether that changes somebody's turn. */
  note(id: string, isWaiting: boolean): boolean {
    const item = this.#find(id);
    if (!item) return false;
    const now = this.clock.now();
    item.waitingSince = isWaiting ? (item.waitingSince ?? now) : undefined;
    const isIdle = item.waitingSince !== undefined && now - item.waitingSince >= IDLE_MS;
    if (isIdle === item.isIdle) return false;
    item.isIdle = isIdle;
    this.#plan = undefined;
    return true;
  }

  /** Keeps its place, without a slot. @returns whether that is new. */
  setAside(id: string, isAside: boolean): boolean {
    const item = this.#find(id);
    if (!item || item.isAside === isAside) return false;
    item.isAside = isAside;
    item.waitingSince = undefined;
    item.isIdle = false;
    this.#plan = undefined;
    return true;
  }

  /**
   * Changes the place of one. Among those that wait nobody passes one that runs: `first` is place 1. One that runs and is
   * moved down lets the first that waits go instead of it, and waits behind that one, or as the last.
   *
   * @returns whether anything changed.
   */
  move(id: string, to: QueueMove): boolean {
    const { queued } = this.#planned;
    const place = queued.indexOf(id);
    const [first] = queued;
    if (first === undefined || !this.#find(id)) return false;
    if (to === 'last') return this.#put(id, this.#items.at(-1)!.id, 'behind');
    if (place < 0) return to === 'down' && this.#put(id, first, 'behind');
    const target = { first, up: queued[place - 1], down: queued[place + 1] }[to];
    return target !== undefined && this.#put(id, target, to === 'down' ? 'behind' : 'before');
  }

  #put(id: string, target: string, where: 'before' | 'behind'): boolean {
    const item = this.#find(id);
    if (!item || id === target) return false;
    this.#items = this.#items.filter((other) => other !== item);
    const index = this.#items.findIndex((other) => other.id === target);
    this.#items.splice(where === 'before' ? index : index + 1, 0, item);
    this.#plan = undefined;
    return true;
  }

  get #planned(): Plan {
    return (this.#plan ??= this.#makePlan());
  }

  #makePlan(): Plan {
    const ready = this.#items.filter(({ isIdle, isAside }) => !isIdle && !isAside);
    const waiting = ready.slice(MAX_RUNNING_DOWNLOADS);
    for (const item of waiting) item.waitingSince = undefined; // Asks nobody, so it waits for nobody.
    const queued = waiting.map(({ id }) => id);
    const places = new Map(queued.map((id, index) => [id, index + 1]));
    return { running: new Set(ready.slice(0, MAX_RUNNING_DOWNLOADS).map(({ id }) => id)), queued, places };
  }

  #find(id: string): Item | undefined {
    return this.#byId.get(id);
  }
}
