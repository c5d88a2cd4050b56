import { CHUNK_BYTES } from '../limits';
import type { Clock } from './clock';

const MIB = 1024 ** 2;
/** Asked of each of several sources before anything is known of it, so that a slow one holds little. */
const START_WINDOW = MIB;
/** Of one that is alone, nobody else could fetch it: two round trips less until a long path is full. */
const START_WINDOW_ALONE = 4 * MIB;
/** Four requests of one chunk, so that a slow source holds little that others could fetch. */
const MIN_WINDOW = 4 * CHUNK_BYTES;
const MAX_WINDOW = 16 * MIB;
/** Of all sources together, so also of one that is alone: 32 MiB is 2 Gbit/s at 130 ms. */
const MAX_WINDOWS = 32 * MIB;
/** Of all that are near: at 800 MB/s for 10 ms. With more, a disk that is slow for a moment would be owed more than may be unsafe. */
const MAX_NEAR_WINDOWS = 8 * MIB;
const NEAR_MS = 10;
/** Reading, hashing and framing at the other end, which a round trip does not show. */
const SERVICE_MS = 10;
const DEFAULT_LATENCY_MS = 50;
/** What the transport says of the path is about right: the longest that we take it for. */
const PATH_SLACK = 1.25;
const PATH_SLACK_MS = 30;
/** What comes is summed up in rounds of one round trip, but not over so little time that one frame decides. */
const MIN_ROUND_MS = 100;
/** The quickest of so many rounds counts: a lost packet or a busy moment does not make the window small. */
const ROUNDS = 10;
/** As in BBR: a path that gave less than a quarter more three times in a row is full. */
const GROWTH = 1.25;
const FULL_ROUNDS = 3;

/**
 * How many bytes one source is asked for at a time: as much as the path holds, twice, so that it never waits for us.
 *
 * At the start it grows by what arrives, which doubles it every round trip, until more does not come any quicker.
 */
export class RequestWindow {
  #received = 0;
  #minLatencyMs: number | undefined;
  #roundAt: number | undefined;
  #roundBytes = 0;
  readonly #rates: number[] = [];
  #fastest = 0;
  #flatRounds = 0;
  #isFull = false;

  /** @param pathRttMs round trip of the path, when the transport knows it. */
  constructor(
    private readonly clock: Clock,
    private readonly pathRttMs: () => number | undefined,
  ) {}

  /** From a question to the begin of its answer. */
  get latencyMs(): number {
    const path = this.pathRttMs();
    // The first answer waits for a file to be opened, and later ones behind others.
    const most = path === undefined ? Infinity : path * PATH_SLACK + PATH_SLACK_MS;
    return Math.min(most, this.#minLatencyMs ?? path ?? DEFAULT_LATENCY_MS);
  }

  /** A small question was answered, which goes before what is asked at length. */
  answered(latencyMs: number): void {
    this.#minLatencyMs = Math.min(this.#minLatencyMs ?? Infinity, latencyMs);
  }

  /** It was asked after it had nothing to do: the time before counts for nothing. */
  begin(): void {
    this.#roundAt = undefined;
    this.#roundBytes = 0;
  }

  /** @param latencyMs from the question for these bytes to their coming, when they were the first of it. */
  received(bytes: number, latencyMs: number | undefined): void {
    if (latencyMs !== undefined) this.answered(latencyMs);
    this.#received += bytes;
    const now = this.clock.now();
    // The first frame of a round says when it begins: only what came after it took the time since.
    if (this.#roundAt === undefined) {
      this.#roundAt = now;
      return;
    }
    this.#roundBytes += bytes;
    const roundMs = now - this.#roundAt;
    if (roundMs >= Math.max(MIN_ROUND_MS, this.latencyMs)) this.#endRound(now, roundMs);
  }

  /** @param sources how many share the work. */
  bytes(sources: number): number {
    const all = this.latencyMs < NEAR_MS ? MAX_NEAR_WINDOWS : MAX_WINDOWS;
    const cap = sources === 1 ? all : Math.min(MAX_WINDOW, all / sources);
    const start = sources === 1 ? START_WINDOW_ALONE : START_WINDOW;
    if (!this.#isFull) return Math.min(cap, start + this.#received);
    const pipe = (2 * this.#fastest * (this.latencyMs + SERVICE_MS)) / 1_000;
    return Math.min(cap, Math.max(MIN_WINDOW, pipe));
  }

  #endRound(now: number, roundMs: number): void {
    const rate = (this.#roundBytes * 1_000) / roundMs;
    this.#flatRounds = rate < this.#fastest * GROWTH ? this.#flatRounds + 1 : 0;
    this.#isFull ||= this.#flatRounds >= FULL_ROUNDS;
    this.#rates.push(rate);
    if (this.#rates.length > ROUNDS) this.#rates.shift();
    this.#fastest = Math.max(...this.#rates);
    this.#roundAt = now;
    this.#roundBytes = 0;
  }
}
