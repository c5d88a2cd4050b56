import { MessageBudget } from './messageBudget';
import type { TransferMessage } from './transferMessages';

/** More than all requests that can be open at a time have chunks. */
const MAX_OWED = 65_536;

/** What asks. Who serves counts these itself, against what it gave. */
const QUESTIONS: ReadonlySet<TransferMessage['type']> = new Set([
  'open',
  'getManifest',
  'getHashes',
  'request',
  'cancel',
  'close',
] as const);

/** Holds the answers of a peer against what it was asked, so that nobody is kept busy with answers to nothing. */
export class AnswerBudget {
  readonly #unasked = new MessageBudget();
  #owed = 0;

  /** We sent this. */
  sent(message: TransferMessage): void {
    if (!QUESTIONS.has(message.type)) return;
    // Each chunk of a request may come alone, as data or as a reject.
    const answers = message.type === 'request' ? message.count : 1;
    this.#owed = Math.min(MAX_OWED, this.#owed + answers);
  }

  /** The peer sent this. @returns false when it says too much that nobody asked. */
  allows(message: TransferMessage): boolean {
    if (QUESTIONS.has(message.type)) return true;
    if (this.#owed > 0) {
      this.#owed--;
      return true;
    }
    return this.#unasked.spend();
  }
}
