import { Emitter } from '../../events';
import { AnswerBudget } from '../answerBudget';
import { LaneReader, encodeDataHead, encodeLaneMessage, setPlace } from './laneFrames';
import { LaneOrder } from './laneOrder';
import { LaneSocketWriter } from './laneSocketWriter';
import type { LaneSocket } from './lanes';
import type { TransferChannel } from '../transferChannel';
import type { TransferMessage } from '../transferMessages';

/** Answers that wait while chunks go out. The seeder counts what a peer does not read beyond that. */
const MAX_WAITING_BYTES = 65_536;

export interface LaneLinkParts {
  readonly peerKey: string;
  readonly rttMs: () => number | undefined;
  readonly onStrike: (reason: string) => void;
  /** The peer broke the protocol. */
  readonly onViolation: (error: Error) => void;
}

interface Frame {
  readonly head: Buffer;
  readonly chunks: Uint8Array;
  readonly onTaken: (() => void) | undefined;
}

/**
 * The lane to one peer: the messages of transfers over TLS. Chunks are written from where they were read and handed out where
 * they were put together, so that a byte is copied once on each side.
 *
 * Over a long way one connection carries no more than fits into the system's buffers each round trip, so there are several.
 * Whatever comes on them is handed out in the order in which it was sent.
 */
export class LaneLink implements TransferChannel {
  readonly isLan = true;
  readonly isLane = true;
  readonly #received = new Emitter<TransferMessage>();
  readonly #drained = new Emitter<void>();
  readonly #closed = new Emitter<void>();
  readonly onDidReceive = this.#received.event;
  readonly onDidDrain = this.#drained.event;
  readonly onDidClose = this.#closed.event;
  readonly #sockets: LaneSocketWriter[] = [];
  readonly #order = new LaneOrder((message) => this.#hear(message));
  readonly #budget = new AnswerBudget();
  readonly #answers: Buffer[] = [];
  readonly #frames: Frame[] = [];
  #answerBytes = 0;
  #place = 0;
  #turn = 0;
  #isWaitedFor = false;
  #isEnded = false;

  constructor(private readonly parts: LaneLinkParts) {}

  get peerKey(): string {
    return this.parts.peerKey;
  }

  get rttMs(): number | undefined {
    return this.parts.rttMs();
  }

  get isOpen(): boolean {
    return !this.#isEnded;
  }

  /** How many connections it has. */
  get size(): number {
    return this.#sockets.length;
  }

  /** Takes one more connection. The first one has to be here before anything is said. */
  add({ socket, start }: LaneSocket): void {
    if (this.#isEnded) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    socket.on('error', () => this.end()); // It says what the system says; the transfer goes on beside the rooms.
    socket.on('close', () => this.end());
    this.#sockets.push(new LaneSocketWriter(socket, () => this.#write()));
    const reader = new LaneReader((place, message) => this.#order.take(place, message));
    start((bytes) => this.#read(reader, bytes));
    this.#write();
  }

  send(message: TransferMessage, onTaken?: () => void): boolean {
    if (this.#isEnded) {
      onTaken?.();
      return false;
    }
    this.#budget.sent(message);
    if (message.type === 'data') {
      this.#frames.push({ head: encodeDataHead(message), chunks: message.bytes, onTaken });
    } else {
      const bytes = encodeLaneMessage(message);
      this.#answers.push(bytes);
      this.#answerBytes += bytes.byteLength;
      onTaken?.();
    }
    this.#write();
    const isTaken =
      message.type === 'data' ? this.#sockets.some(({ isFree }) => isFree) : this.#answerBytes < MAX_WAITING_BYTES;
    if (!isTaken) this.#isWaitedFor = true;
    return isTaken;
  }

  strike(reason: string): void {
    this.parts.onStrike(reason);
    this.end();
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const socket of this.#sockets) socket.end();
    for (const { onTaken } of this.#frames.splice(0)) onTaken?.();
    this.#closed.fire();
  }

  /** Nothing of a peer that broke the protocol is looked at any more. */
  #read(reader: LaneReader, bytes: Uint8Array): void {
    if (this.#isEnded) return;
    try {
      reader.take(bytes);
    } catch (error) {
      this.parts.onViolation(error instanceof Error ? error : new Error(String(error)));
      this.end();
    }
  }

  #hear(message: TransferMessage): void {
    if (this.#isEnded) return;
    if (this.#budget.allows(message)) this.#received.fire(message);
    else this.strike('flood');
  }

  /** Gives each connection that is free what is next. Answers go first: chunks are of no use before the hashes of their group. */
  #write(): void {
    if (this.#isEnded) return;
    if (this.#answers.length > 0) {
      const socket = this.#nextFree();
      if (!socket) return;
      this.#answerBytes = 0;
      for (const bytes of this.#answers) setPlace(bytes, this.#nextPlace());
      socket.write(Buffer.concat(this.#answers.splice(0)));
    }
    while (this.#frames.length > 0) {
      const socket = this.#nextFree();
      if (!socket) return;
      const { head, chunks, onTaken } = this.#frames.shift()!;
      setPlace(head, this.#nextPlace());
      socket.writeFrame(head, chunks, onTaken);
    }
    if (!this.#isWaitedFor || !this.#sockets.some(({ isFree }) => isFree)) return;
    this.#isWaitedFor = false;
    this.#drained.fire();
  }

  #nextPlace(): number {
    const place = this.#place;
    this.#place = (place + 1) >>> 0;
    return place;
  }

  #nextFree(): LaneSocketWriter | undefined {
    for (let i = 1; i <= this.#sockets.length; i++) {
      const at = (this.#turn + i) % this.#sockets.length;
      if (!this.#sockets[at]!.isFree) continue;
      this.#turn = at;
      return this.#sockets[at];
    }
    return undefined;
  }
}
