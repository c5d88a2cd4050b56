import { randomBytes } from 'node:crypto';
import c, { type Encoder } from 'compact-encoding';
import type Protomux from 'protomux';
import { LoraSwarmError } from '../../errors';
import { DisposableStore, type Disposable } from '../../lifecycle';
import type { Logger } from '../../log';
import { SafeChannel } from '../channel';
import { LaneLink } from './laneLink';
import type { LaneSocket, Lanes } from './lanes';
import { empty } from '../messages';

export const LANE_PROTOCOL = 'lora-swarm/lane/1';
/** A way that was closed a moment ago is closed still. */
const DIAL_AGAIN_MS = 60_000;
/**
 * From this round trip on several connections carry more than one: what one has under way is bounded by the system's buffers,
 * some 4 MB, which is all that passes in a round trip.
 */
const LONG_WAY_MS = 15;
const LONG_WAY_SOCKETS = 4;
/** Of one peer: the lane that it dialled and a new one, if it has not noticed yet that the first is gone. */
const MAX_LANES = 4;
const MAX_SOCKETS = 8;
/** Below are the ports of system services. */
const MIN_PORT = 1_024;

/** Where the sender can be dialled, and the SHA-256 of the certificate that it shows and wants to see there. */
export interface LaneOffer {
  readonly port: number;
  readonly fingerprint: Uint8Array;
}

export const laneOffer: Encoder<LaneOffer> = {
  preencode(state, { port }) {
    c.uint.preencode(state, port);
    state.end += 32;
  },
  encode(state, { port, fingerprint }) {
    c.uint.encode(state, port);
    c.fixed32.encode(state, fingerprint);
  },
  decode(state) {
    const port = c.uint.decode(state);
    const fingerprint = Uint8Array.from(c.fixed32.decode(state));
    state.start = state.end; // Later fields stand here.
    if (port < MIN_PORT || port > 65_535)
      throw new LoraSwarmError('MESSAGE_INVALID', `A peer offered a lane on port ${port}.`);
    return { port, fingerprint };
  },
};

export interface PeerLaneParts {
  readonly mux: Protomux;
  readonly lanes: Lanes;
  readonly peerKey: string;
  readonly address: () => string | undefined;
  readonly rttMs: () => number | undefined;
  /** A lane is open, and the one before it, if there was one, stays open beside it. */
  readonly onLink: (link: LaneLink) => void;
  readonly onStrike: (reason: string) => void;
  readonly onViolation: (error: Error) => void;
  readonly log: Logger;
}

/**
 * The lane to one peer of the local network: where each side can be dialled is told on the encrypted connection of the rooms.
 * Whoever wants to fetch dials; when it does not get through it asks the other side to. If neither works, chunks go on beside
 * the rooms, and nobody notices more than the speed.
 */
export class PeerLane implements Disposable {
  readonly #owned = new DisposableStore();
  readonly #lanes = new Map<string, LaneLink>();
  #mine: LaneLink | undefined;
  readonly #channel: SafeChannel | undefined;
  readonly #send;
  #offer: LaneOffer | undefined;
  #isWanted = false;
  #isDialling = false;
  #triedAt = -Infinity;

  constructor(private readonly parts: PeerLaneParts) {
    const { mux, onViolation } = parts;
    this.#channel = SafeChannel.create(mux, { protocol: LANE_PROTOCOL, onViolation });
    this.#send = {
      offer: this.#channel?.message({ encoding: laneOffer, onMessage: (offer) => this.#onOffer(offer) }),
      dial: this.#channel?.message({ encoding: empty, onMessage: () => void this.#dial(false) }),
    };
    this.#channel?.open();
    void this.#tell();
  }

  /** Chunks go here when it is there: the one that we dialled, as what comes on it costs less. */
  get link(): LaneLink | undefined {
    return this.#mine ?? this.#lanes.values().next().value;
  }

  /** Something is to be fetched from this peer. */
  want(): void {
    this.#isWanted = true;
    if (!this.link) void this.#dial(true);
  }

  dispose(): void {
    this.#owned.dispose();
    for (const link of [...this.#lanes.values()]) link.end();
  }

  async #tell(): Promise<void> {
    const { lanes, log } = this.parts;
    try {
      const port = await lanes.listen();
      if (this.#owned.isDisposed || !lanes.fingerprint) return;
      this.#send.offer?.({ port, fingerprint: lanes.fingerprint });
    } catch (error) {
      log.debug(`lane: not offered (${String(error)})`);
    }
  }

  #onOffer(offer: LaneOffer): void {
    if (this.#offer) throw new LoraSwarmError('MESSAGE_INVALID', 'A peer offered two lanes.');
    this.#offer = offer;
    this.#owned.add(this.parts.lanes.expect(offer.fingerprint, (socket) => this.#take(socket, false)));
    if (this.#isWanted) void this.#dial(true);
  }

  /** @param mayAsk the peer may be asked to dial us when we do not get through. */
  async #dial(mayAsk: boolean): Promise<void> {
    const host = this.parts.address();
    const now = performance.now();
    if (!this.#offer || !host || this.#isDialling || now - this.#triedAt < DIAL_AGAIN_MS) return;
    this.#isDialling = true;
    this.#triedAt = now;
    const { port, fingerprint } = this.#offer;
    const address = { host, port, fingerprint, lane: randomBytes(8).toString('hex') };
    try {
      const first = await this.parts.lanes.dial(address);
      this.#take(first, true);
      // Either figure may be too long, for a moment in which this machine or the other was busy.
      const isLong = Math.min(first.rttMs, this.parts.rttMs() ?? 0) >= LONG_WAY_MS;
      const more = isLong ? LONG_WAY_SOCKETS - 1 : 0;
      for (let i = 0; i < more; i++) this.#take(await this.parts.lanes.dial(address), true);
    } catch (error) {
      this.parts.log.debug(`lane to ${this.parts.peerKey.slice(0, 8)}: ${String(error)}`);
      if (mayAsk && !this.link && !this.#owned.isDisposed) this.#send.dial?.(null);
    } finally {
      this.#isDialling = false;
    }
  }

  #take(socket: LaneSocket, isMine: boolean): void {
    const there = this.#lanes.get(socket.lane);
    if (there && there.size < MAX_SOCKETS) there.add(socket);
    else if (there || this.#owned.isDisposed || this.#lanes.size >= MAX_LANES) socket.socket.destroy();
    else this.#begin(socket, isMine);
  }

  #begin(socket: LaneSocket, isMine: boolean): void {
    const { peerKey, rttMs, onStrike, onViolation } = this.parts;
    const link = new LaneLink({ peerKey, rttMs, onStrike, onViolation });
    this.#lanes.set(socket.lane, link);
    // Both sides may dial at once: each then asks on its own, and answers on either.
    if (isMine) this.#mine = link;
    link.onDidClose(() => {
      this.#lanes.delete(socket.lane);
      if (this.#mine !== link) return;
      this.#mine = undefined;
      this.#triedAt = -Infinity; // It worked, so it may work again at once.
    });
    this.parts.log.debug(`lane to ${peerKey.slice(0, 8)} is open`);
    link.add(socket);
    this.parts.onLink(link);
  }
}
