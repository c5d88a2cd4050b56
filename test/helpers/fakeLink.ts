import { Emitter } from '../../src/engine/events';
import type { TransferMessage, TransferType } from '../../src/engine/net/transferMessages';
import type { StrikeReason, TransferLink } from '../../src/engine/transfer/link';

/** A link whose far end is the test: it sees what was sent, and says what it likes. */
export class FakeLink implements TransferLink {
  readonly rttMs = 1;
  isLan = false;
  isLane = false;
  readonly sent: TransferMessage[] = [];
  readonly strikes: StrikeReason[] = [];
  isOpen = true;
  /** False: nothing that is sent gets through until `drain`. */
  isReading = true;
  readonly #received = new Emitter<TransferMessage>();
  readonly #drained = new Emitter<void>();
  readonly #closed = new Emitter<void>();
  readonly onDidReceive = this.#received.event;
  readonly onDidDrain = this.#drained.event;
  readonly onDidClose = this.#closed.event;
  readonly #sending = new Emitter<TransferMessage>();
  /** Answers of a far end that does something by itself. */
  readonly onDidSend = this.#sending.event;

  constructor(readonly peerKey: string) {}

  send(message: TransferMessage): boolean {
    if (!this.isOpen) return false;
    this.sent.push(message);
    this.#sending.fire(message);
    return this.isReading;
  }

  say(message: TransferMessage): void {
    if (this.isOpen) this.#received.fire(message);
  }

  drain(): void {
    this.#drained.fire();
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#closed.fire();
  }

  strike(reason: StrikeReason): void {
    this.strikes.push(reason);
    this.close();
  }

  sentOf<T extends TransferType>(type: T): Extract<TransferMessage, { type: T }>[] {
    return this.sent.filter((message): message is Extract<TransferMessage, { type: T }> => message.type === type);
  }
}
