import { hasCode, type LoraSwarmError } from '../errors';
import type { Disposable } from '../lifecycle';
import type { TransferState } from '../state';
import { checkSpace } from '../store/space';
import type { Clock } from '../transfer/clock';

/** Asking the system how much is free costs nothing. */
const LOOK_MS = 10_000;
/** The system may name space that nobody gets, because of a quota: then every try hashes what is there for nothing. */
const MAX_FIRST_MS = 30_000;

export interface SpaceWaitParts {
  readonly folder: string;
  readonly missingBytes: number;
  readonly clock: Clock;
  /** How often it was waited for without a byte more since. Counts from 1. */
  readonly attempt: number;
  /** The figures are known. */
  readonly onChange: () => void;
  /** There is space, or the disk has another trouble now, which a new try will name. Once. */
  readonly onSpace: () => void;
}

/** Waits until a disk that became full has space for the rest of a download. */
export class SpaceWait implements Disposable {
  problem: NonNullable<TransferState['problem']>;
  #timer: Disposable | undefined;
  #isOver = false;

  constructor(
    { code, message }: LoraSwarmError,
    private readonly parts: SpaceWaitParts,
  ) {
    this.problem = { code, message };
    void this.#begin();
  }

  dispose(): void {
    this.#isOver = true;
    this.#timer?.dispose();
  }

  /** What the disk said names no figures. They are asked for once: they change with every file that anybody writes. */
  async #begin(): Promise<void> {
    const refusal = await this.#check();
    if (this.#isOver) return;
    if (refusal) {
      this.problem = { code: refusal.code, message: refusal.message };
      this.parts.onChange();
    }
    this.#lookIn(Math.min(MAX_FIRST_MS, LOOK_MS * this.parts.attempt));
  }

  #lookIn(ms: number): void {
    this.#timer = this.parts.clock.after(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    const refusal = await this.#check();
    if (this.#isOver) return;
    if (refusal) {
      this.#lookIn(LOOK_MS);
      return;
    }
    this.#isOver = true;
    this.parts.onSpace();
  }

  async #check(): Promise<LoraSwarmError | undefined> {
    try {
      await checkSpace(this.parts.folder, this.parts.missingBytes);
      return undefined;
    } catch (error) {
      return hasCode(error, 'STORE_FULL') ? error : undefined;
    }
  }
}
