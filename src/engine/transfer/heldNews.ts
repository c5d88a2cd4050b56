import type { Disposable } from '../lifecycle';
import { MAX_HAVE_RANGES, type ChunkRange, type HaveMessage } from '../net/transferMessages';
import type { Clock } from './clock';
import { joinRanges } from './dataRange';
import type { Share } from './share';

/** Newly held chunks are told at most this often. */
const HAVE_MS = 100;

/** Tells a peer what came of packages that are still being fetched here, in few messages. */
export class HeldNews implements Disposable {
  readonly #ranges = new Map<number, ChunkRange[]>();
  #timer: Disposable | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly tell: (message: HaveMessage) => void,
  ) {}

  /** Tells what comes from now on, until the result is disposed. */
  follow(handle: number, { reader: { held, onDidHold } }: Share): Disposable {
    if (!onDidHold || held.isFull) return { dispose: () => undefined };
    const listening = onDidHold((range) => {
      const ranges = this.#ranges.get(handle);
      if (ranges) ranges.push(range);
      else this.#ranges.set(handle, [range]);
      this.#timer ??= this.clock.after(HAVE_MS, () => this.#tell());
    });
    return {
      dispose: () => {
        listening.dispose();
        this.#ranges.delete(handle);
      },
    };
  }

  dispose(): void {
    this.#timer?.dispose();
  }

  #tell(): void {
    this.#timer = undefined;
    const news = [...this.#ranges];
    this.#ranges.clear();
    for (const [handle, list] of news) {
      const ranges = joinRanges(list);
      for (let at = 0; at < ranges.length; at += MAX_HAVE_RANGES)
        this.tell({ type: 'have', handle, ranges: ranges.slice(at, at + MAX_HAVE_RANGES) });
    }
  }
}
