import type { TLSSocket } from 'node:tls';
import { Emitter } from '../events';
import { LaneReader, encodeDataHead, encodeLaneMessage } from './laneFrames';
import type { TransferChannel } from './transferChannel';
import type { TransferMessage } from './transferMessages';

/** Answers that wait while chunks go out. The seeder counts what a peer does not read beyond that. */
const MAX_WAITING_BYTES = 65_536;

export interface LaneLinkParts {
  readonly peerKey: string;
  readonly rttMs: () => number | undefined;
  readonly onStrike: (reason: string) => void;
  /** The peer broke the protocol. */
  readonly onViolation: (error: Error) => void;
}

interface Outgoing {
  readonly head: Uint8Array;
  readonly chunks: Uint8Array;
  readonly onTaken: (() => void) | undefined;
}

/**
 * The lane to one peer: the messages of transfers over TLS. Chunks are written from where they were read and handed out where
 * they were put together, so that a byte is copied once on each side.
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
  readonly #reader = new LaneReader((message) => this.#hear(message));
  readonly #answers: Buffer[] = [];
  readonly #frames: Outgoing[] = [];
  #answerBytes = 0;
  #isWriting = false;
  #isWaitedFor = false;
  #isEnded = false;

  constructor(
    private readonly socket: TLSSocket,
    private readonly parts: LaneLinkParts,
  ) {
    socket.setNoDelay(true);
    socket.on('error', () => this.end()); // It says what the system says; the transfer goes on beside the rooms.
    socket.on('close', () => this.end());
  }

  get peerKey(): string {
    return this.parts.peerKey;
  }

  get rttMs(): number | undefined {
    return this.parts.rttMs();
  }

  get isOpen(): boolean {
    return !this.#isEnded;
  }

  send(message: TransferMessage, onTaken?: () => void): boolean {
    if (this.#isEnded) {
      onTaken?.();
      return false;
    }
    if (message.type === 'data') {
      this.#frames.push({ head: encodeDataHead(message), chunks: message.bytes, onTaken });
    } else {
      const bytes = encodeLaneMessage(message);
      this.#answers.push(bytes);
      this.#answerBytes += bytes.byteLength;
    }
    this.#write();
    const isTaken = message.type !== 'data' && this.#answerBytes < MAX_WAITING_BYTES;
    if (!isTaken) this.#isWaitedFor = true;
    return isTaken;
  }

  /** What the socket gave. Nothing of a peer that broke the protocol is looked at any more. */
  receive(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    try {
      this.#reader.take(bytes);
    } catch (error) {
      this.parts.onViolation(error instanceof Error ? error : new Error(String(error)));
      this.end();
    }
  }

  strike(reason: string): void {
    this.parts.onStrike(reason);
    this.end();
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.socket.destroy();
    for (const { onTaken } of this.#frames.splice(0)) onTaken?.();
    this.#closed.fire();
  }

  #hear(message: TransferMessage): void {
    if (!this.#isEnded) this.#received.fire(message);
  }

  /**
   * One write at a time: what waits together would be put together by the stream, which copies a mebibyte once more. Answers
   * go before chunks.
   */
  #write(): void {
    if (this.#isWriting || this.#isEnded) return;
    if (this.#answers.length > 0) {
      this.#answerBytes = 0;
      this.#isWriting = true;
      this.socket.write(Buffer.concat(this.#answers.splice(0)), this.#written);
      return;
    }
    const frame = this.#frames.shift();
    if (frame) {
      this.#isWriting = true;
      this.socket.write(frame.head);
      this.socket.write(frame.chunks, () => {
        frame.onTaken?.();
        this.#written();
      });
    } else if (this.#isWaitedFor) {
      this.#isWaitedFor = false;
      this.#drained.fire();
    }
  }

  readonly #written = (): void => {
    this.#isWriting = false;
    this.#write();
  };
}
