import type Protomux from 'protomux';
import { Emitter } from '../events';
import { AnswerBudget } from './answerBudget';
import { SafeChannel } from './channel';
import type { TransferChannel } from './transferChannel';
import { TRANSFER_CODECS, TRANSFER_PROTOCOL, type TransferMessage, type TransferType } from './transferMessages';

export interface PeerLinkParts {
  readonly mux: Protomux;
  readonly peerKey: string;
  readonly isLan: boolean;
  readonly rttMs: () => number | undefined;
  /** Something is about to be asked for here. */
  readonly onAsk?: () => void;
  readonly onStrike: (reason: string) => void;
  readonly onViolation: (error: Error) => void;
}

/** The transfer channel to one peer: typed messages over protomux. What they mean is not known here. */
export class PeerLink implements TransferChannel {
  readonly #received = new Emitter<TransferMessage>();
  readonly #drained = new Emitter<void>();
  readonly #closed = new Emitter<void>();
  readonly onDidReceive = this.#received.event;
  readonly onDidDrain = this.#drained.event;
  readonly onDidClose = this.#closed.event;
  readonly #senders = new Map<TransferType, (message: TransferMessage) => boolean>();
  readonly #answers = new AnswerBudget();
  #channel: SafeChannel | undefined;
  #isOpened = false;
  #isEnded = false;

  constructor(private readonly parts: PeerLinkParts) {}

  get peerKey(): string {
    return this.parts.peerKey;
  }

  get isLan(): boolean {
    return this.parts.isLan;
  }

  get isLane(): boolean {
    return false;
  }

  get rttMs(): number | undefined {
    return this.parts.rttMs();
  }

  get isOpen(): boolean {
    return this.#isOpened && !this.#isEnded;
  }

  /** Opens the channel; it is there when the peer opened it too. @param onOpen called once, when it is. */
  open(onOpen: () => void): void {
    if (this.#channel || this.#isEnded) return;
    this.#channel = SafeChannel.create(this.parts.mux, {
      protocol: TRANSFER_PROTOCOL,
      onOpen: () => {
        this.#isOpened = true;
        onOpen();
      },
      onClose: () => this.end(),
      onDrain: () => this.#drained.fire(),
      isCountedElsewhere: true,
      onViolation: this.parts.onViolation,
    });
    for (const { type, encoding } of TRANSFER_CODECS) {
      const send = this.#channel?.message({ encoding, onMessage: (message) => this.#hear(message) });
      if (send) this.#senders.set(type, send);
    }
    this.#channel?.open();
  }

  send(message: TransferMessage, onTaken?: () => void): boolean {
    if (message.type === 'open') this.parts.onAsk?.();
    this.#answers.sent(message);
    const isTaken = this.#senders.get(message.type)?.(message) ?? false;
    onTaken?.(); // protomux has copied it.
    return isTaken;
  }

  strike(reason: string): void {
    this.parts.onStrike(reason);
  }

  /** The connection is gone, or the peer has no room with us any more. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#channel && !this.#channel.isClosed) this.#channel.close();
    this.#closed.fire();
  }

  #hear(message: TransferMessage): void {
    if (this.#answers.allows(message)) this.#received.fire(message);
    else this.strike('flood');
  }
}
