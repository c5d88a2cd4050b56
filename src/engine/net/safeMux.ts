import type { State } from 'compact-encoding';
import Protomux from 'protomux';
import type { Duplex } from 'node:stream';
import { LoraSwarmError } from '../errors';
import { MAX_REMOTE_CHANNELS } from '../limits';

/**
 * protomux for connections to strangers.
 *
 * It reads frames before any channel is there, so before anything was proved, and has two ways to end the process: a batch
 * in a batch in a batch, some ten thousand deep, exhausts the stack; and a RangeError, TypeError or SyntaxError that comes
 * up while it reads is thrown again where nobody can catch it. Here both end the connection, and nothing else. Its list of
 * a peer's channels grows with each that is opened, and is bounded here.
 */
export class SafeMux extends Protomux {
  // Undefined while the constructor of protomux runs, which reads nothing yet.
  #isInBatch = false;

  constructor(
    stream: Duplex,
    private readonly onViolation: (error: Error) => void,
  ) {
    super(stream);
  }

  /** protomux writes no batch into a batch. */
  protected override _onbatch(state: State): void {
    if (this.#isInBatch) throw invalid('a batch in a batch');
    this.#isInBatch = true;
    try {
      super._onbatch(state);
    } finally {
      this.#isInBatch = false;
    }
  }

  /** What came in the same packet as a violation does not count any more. */
  protected override _decode(remoteId: number, state: State): unknown {
    return this._destroying ? null : super._decode(remoteId, state);
  }

  protected override _onopensession(state: State): unknown {
    if (this._remote.length > MAX_REMOTE_CHANNELS) throw invalid('too many channels');
    return super._onopensession(state);
  }

  protected override _safeDestroy(error: Error): void {
    this._destroying = true;
    // What protomux itself says no with is a plain error; a TypeError would be a bug.
    this.onViolation(error.constructor === Error ? invalid(error.message) : error);
    this.destroy();
  }
}

function invalid(what: string): LoraSwarmError {
  return new LoraSwarmError('MESSAGE_INVALID', `A peer sent a frame that breaks the protocol (${what}).`);
}
