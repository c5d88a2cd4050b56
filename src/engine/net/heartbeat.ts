import type Protomux from 'protomux';
import { DEAD_MS, LAN_BEAT_MS, TAKES_NOTHING_MS, WAN_BEAT_MS } from '../limits';
import { SafeChannel } from './channel';
import type { Guard } from './guard';
import { empty } from './messages';

export const ALIVE_PROTOCOL = 'lora-swarm/alive/1';
/** Silent for this many beats: not shown any more. It is shown again when it speaks. */
const AWAY_BEATS = 3;

export interface HeartbeatParts {
  readonly mux: Protomux;
  readonly isLan: boolean;
  /** Bytes so far; both only grow. `isTaken`: what was written waits for the peer no longer than since the last look. */
  readonly traffic: () => { readonly read: number; readonly written: number; readonly isTaken: boolean };
  readonly onAway: (isAway: boolean) => void;
  readonly onDead: () => void;
  readonly guard: Guard;
  readonly onViolation: (error: Error) => void;
}

/** Tells silence from death: says something when nothing else was said, and watches that something is heard. */
export class Heartbeat {
  readonly #send: (value: null) => boolean;
  readonly #channel: SafeChannel | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #beatMs: number;
  #read = 0;
  #written = 0;
  #heardAt = performance.now();
  #tickAt = performance.now();
  #takenAt = performance.now();
  #isAway = false;

  constructor(private readonly parts: HeartbeatParts) {
    this.#beatMs = parts.isLan ? LAN_BEAT_MS : WAN_BEAT_MS;
    this.#channel = SafeChannel.create(parts.mux, { protocol: ALIVE_PROTOCOL, onViolation: parts.onViolation });
    this.#send = this.#channel?.message({ encoding: empty, onMessage: () => undefined }) ?? (() => false);
    this.#channel?.open();
    this.#timer = setInterval(() => parts.guard(() => this.#beat()), this.#beatMs);
    this.#timer.unref();
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const now = performance.now();
    const { read, written, isTaken } = this.parts.traffic();
    // A late tick means that our own loop was busy: what the peer sent may still wait in the socket.
    const wasBusy = now - this.#tickAt > 2 * this.#beatMs;
    if (read !== this.#read || wasBusy) this.#heardAt = now;
    if (isTaken || wasBusy) this.#takenAt = now;
    this.#tickAt = now;
    if (written === this.#written) this.#send(null);
    this.#read = read;
    this.#written = this.parts.traffic().written;

    const silentMs = now - this.#heardAt;
    if (silentMs > DEAD_MS || now - this.#takenAt > TAKES_NOTHING_MS) {
      this.end();
      this.parts.onDead();
      return;
    }
    const isAway = silentMs > AWAY_BEATS * this.#beatMs - this.#beatMs / 4;
    if (isAway === this.#isAway) return;
    this.#isAway = isAway;
    this.parts.onAway(isAway);
  }
}
