import { networkInterfaces } from 'node:os';
import { Emitter } from '../events';
import type { Disposable } from '../lifecycle';
import type { Logger } from '../log';
import type { TransferState } from '../state';
import { monotonicClock, type Clock } from '../transfer/clock';

const ASK_MS = 30_000;
/** PowerShell takes half a second of a core to say it. A changed network is asked about at once all the same. */
const ASK_MS_WINDOWS = 120_000;
/** Reading the addresses of this machine takes a tenth of a millisecond. */
const LOOK_MS = 5_000;

/** What every transfer says that stands still because of it. */
const METERED: NonNullable<TransferState['problem']> = {
  code: 'NETWORK_METERED',
  message:
    'Paused: this network costs by the byte. It goes on by itself; the setting transfer.pauseOnMetered changes it.',
};

export interface MeteredParts {
  /** Whether anybody wants to know: nothing is asked otherwise. */
  readonly isWanted: () => boolean;
  /** Whether the network costs by the byte, or undefined when the system does not say. Never throws. */
  readonly ask: (signal: AbortSignal) => Promise<boolean | undefined>;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Tells one network from another. */
  readonly addresses?: () => string;
}

/** Knows whether this machine is on a network that costs by the byte. */
export class MeteredWatch implements Disposable {
  readonly #changed = new Emitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #clock: Clock;
  #isMetered: boolean | undefined;
  #askedAt = -Infinity;
  #addresses = '';
  #silences = 0;
  #timer: Disposable | undefined;
  readonly #over = new AbortController();
  #asking: Promise<void> | undefined;

  constructor(private readonly parts: MeteredParts) {
    this.#clock = parts.clock ?? monotonicClock;
  }

  /** Undefined where the system says nothing, and while nobody wants to know. */
  get isMetered(): boolean | undefined {
    return this.#isMetered;
  }

  /** Why every transfer stands still, if it does. */
  get problem(): TransferState['problem'] {
    return this.#isMetered === true ? METERED : undefined;
  }

  /** Looks now, and from now on every few seconds. */
  start(): void {
    this.#timer?.dispose();
    this.#look();
    this.#timer = this.#clock.after(LOOK_MS, () => this.start());
  }

  /** Whether somebody wants to know has changed. */
  refresh(): void {
    this.#askedAt = -Infinity;
    this.#look();
  }

  dispose(): void {
    this.#over.abort();
    this.#timer?.dispose();
    this.#changed.dispose();
  }

  #look(): void {
    if (!this.parts.isWanted()) {
      this.#set(undefined);
      return;
    }
    const addresses = (this.parts.addresses ?? addressesHere)();
    const isChanged = addresses !== this.#addresses;
    const every = process.platform === 'win32' ? ASK_MS_WINDOWS : ASK_MS;
    if (!isChanged && this.#clock.now() - this.#askedAt < every) return;
    this.#addresses = addresses;
    this.#askedAt = this.#clock.now();
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
  }

  async #ask(): Promise<void> {
    const answer = await this.parts.ask(this.#over.signal);
    if (this.#over.signal.aborted || !this.parts.isWanted()) return;
    // One missing answer is no news: a program may be slow once, and going on would cost somebody money.
    this.#silences = answer === undefined ? this.#silences + 1 : 0;
    if (answer !== undefined || this.#silences > 1) this.#set(answer);
  }

  #set(isMetered: boolean | undefined): void {
    if (isMetered === this.#isMetered) return;
    this.#isMetered = isMetered;
    if (isMetered !== undefined)
      this.parts.log.info(
        isMetered ? 'this network costs by the byte: transfers pause' : 'this network is not metered',
      );
    this.#changed.fire();
  }
}

function addressesHere(): string {
  return Object.entries(networkInterfaces())
    .flatMap(([name, list]) => (list ?? []).map(({ address, internal }) => (internal ? '' : `${name} ${address}`)))
    .filter(Boolean)
    .sort()
    .join('\n');
}
