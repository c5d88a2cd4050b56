import { MAX_INVALID_QUESTIONS, MAX_UNREAD_ANSWERS_BYTES } from '../limits';
import { MessageBudget } from '../net/messageBudget';
import type { TransferMessage } from '../net/transferMessages';
import type { Clock } from './clock';
import type { TransferLink } from './link';

/** Counted for a small message on top of what it carries. */
const MESSAGE_BYTES = 128;

/** What an asker says. The rest on the same link belongs to the other direction. */
export const QUESTIONS: ReadonlySet<TransferMessage['type']> = new Set([
  'open',
  'getManifest',
  'getHashes',
  'request',
  'cancel',
  'close',
] as const);

/** Watches how a peer asks, and strikes it when that is abuse. */
export class Conduct {
  readonly #budget: MessageBudget;
  #invalid = 0;
  #unreadBytes = 0;

  constructor(
    private readonly link: TransferLink,
    clock: Clock,
  ) {
    this.#budget = new MessageBudget(undefined, undefined, () => clock.now());
  }

  /** A message came. @returns false when there were too many. */
  asked(): boolean {
    if (this.#budget.spend()) return true;
    this.link.strike('flood');
    return false;
  }

  /** It got what it asked for: whoever really fetches may ask as often as it gets something. */
  served(): void {
    this.#budget.giveBack();
  }

  /** It asked for what is not there. */
  askedInVain(): void {
    if (++this.#invalid > MAX_INVALID_QUESTIONS) this.link.strike('invalidRequests');
  }

  /** The connection did not take an answer at once. */
  leftUnread(message: TransferMessage): void {
    this.#unreadBytes += MESSAGE_BYTES;
    if (message.type === 'opened') this.#unreadBytes += message.have.length;
    if (message.type === 'have') this.#unreadBytes += message.ranges.length * 8;
    if (this.#unreadBytes > MAX_UNREAD_ANSWERS_BYTES) this.link.strike('notReading');
  }

  /** The connection took all that waited. */
  reads(): void {
    this.#unreadBytes = 0;
  }
}
