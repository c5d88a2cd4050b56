import type { Encoder, State } from 'compact-encoding';
import type Protomux from 'protomux';
import type { ProtomuxChannel } from 'protomux';
import { LoraSwarmError } from '../errors';
import { makeGuard, type Guard } from './guard';
import { MessageBudget } from './messageBudget';

/** One kind of message of a channel: how it is written and what is done with it. */
export interface ChannelMessage<T> {
  readonly encoding: Encoder<T>;
  readonly onMessage: (value: T) => void;
}

export interface ChannelParts {
  readonly protocol: string;
  readonly id?: Uint8Array;
  /** Sent with the opening, both ways. */
  readonly handshake?: Encoder<Uint8Array>;
  readonly onOpen?: (handshake: Uint8Array | undefined) => void;
  readonly onClose?: () => void;
  readonly onDrain?: () => void;
  /** Whoever takes the messages counts them: how many are too many depends on what was asked. Else 200 a second are. */
  readonly isCountedElsewhere?: boolean;
  /** A peer broke the protocol: its bytes did not decode, or a handler refused them. */
  readonly onViolation: (error: Error) => void;
}

/**
 * A protomux channel whose decoders and handlers can't hurt the process.
 *
 * protomux hands SyntaxError, TypeError and RangeError to the process as uncaught, and leaves the stream open. So every
 * decode and every handler is wrapped here, once, and whatever they throw becomes `onViolation`.
 */
export class SafeChannel {
  readonly #channel: ProtomuxChannel;
  #isBroken = false;

  /** @returns undefined when this protocol and id are open on the connection already. */
  static create(mux: Protomux, parts: ChannelParts): SafeChannel | undefined {
    const guard = makeGuard(parts.onViolation);
    const channel = mux.createChannel({
      protocol: parts.protocol,
      id: parts.id ?? null,
      handshake: parts.handshake ? safeEncoding(parts.handshake, guard) : null,
      onopen: (handshake) => guard(() => parts.onOpen?.(handshake as Uint8Array | undefined)),
      onclose: () => guard(() => parts.onClose?.()),
      ondrain: () => guard(() => parts.onDrain?.()),
    });
    return channel
      ? new SafeChannel(channel, guard, parts.isCountedElsewhere ? undefined : new MessageBudget())
      : undefined;
  }

  private constructor(
    channel: ProtomuxChannel,
    private readonly guard: Guard,
    private readonly budget: MessageBudget | undefined,
  ) {
    this.#channel = channel;
  }

  get isOpen(): boolean {
    return this.#channel.opened && !this.#channel.closed;
  }

  get isClosed(): boolean {
    return this.#channel.closed;
  }

  /** Adds the next message type; both sides add the same ones in the same order. @returns what sends it. */
  message<T>({ encoding, onMessage }: ChannelMessage<T>): (value: T) => boolean {
    const message = this.#channel.addMessage<T | undefined>({
      encoding: safeEncoding(encoding, this.guard),
      onmessage: (value) => {
        // After one violation nothing of this peer counts, although more of the same packet may still arrive.
        if (value === undefined || this.#isBroken) return;
        const isFine = this.guard(() => {
          if (this.budget?.spend() === false) throw flood();
          onMessage(value);
        });
        if (!isFine) this.#isBroken = true;
      },
    });
    return (value) => !this.#channel.closed && message.send(value);
  }

  /** Does later what a message set off. What goes wrong in it is a violation, as in a handler. */
  resume(work: () => void): void {
    if (!this.#isBroken && !this.guard(work)) this.#isBroken = true;
  }

  open(handshake?: Uint8Array): void {
    this.#channel.open(handshake);
  }

  close(): void {
    this.#channel.close();
  }
}

function flood(): LoraSwarmError {
  return new LoraSwarmError('MESSAGE_INVALID', 'A peer sent a flood of messages.');
}

/** @throws {LoraSwarmError} `MESSAGE_INVALID`, also where compact-encoding only says that bytes are missing. */
export function decodeMessage<T>(encoding: Pick<Encoder<T>, 'decode'>, state: State): T {
  try {
    return encoding.decode(state);
  } catch (cause) {
    if (cause instanceof LoraSwarmError) throw cause;
    throw new LoraSwarmError('MESSAGE_INVALID', 'A peer sent a damaged message.', undefined, { cause });
  }
}

function safeEncoding<T>(encoding: Encoder<T>, guard: Guard): Encoder<T | undefined> {
  return {
    preencode: (state, value) => encoding.preencode(state, value as T),
    encode: (state, value) => encoding.encode(state, value as T),
    decode: (state) => {
      let value: T | undefined;
      guard(() => (value = decodeMessage(encoding, state)));
      return value;
    },
  };
}
