import c, { type Encoder } from 'compact-encoding';
import type Protomux from 'protomux';
import { LoraSwarmError } from '../errors';
import { DisposableStore, type Disposable } from '../lifecycle';
import type { Logger } from '../log';
import { SafeChannel } from './channel';
import { LaneLink } from './laneLink';
import type { LaneSocket, Lanes } from './lanes';
import { empty } from './messages';

export const LANE_PROTOCOL = 'lora-swarm/lane/1';
/** A way that was closed a moment ago is closed still. */
const DIAL_AGAIN_MS = 60_000;
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
  readonly #links = new Set<LaneLink>();
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
    return [...this.#links].at(0);
  }

  /** Something is to be fetched from this peer. */
  want(): void {
    this.#isWanted = true;
    if (!this.link) void this.#dial(true);
  }

  dispose(): void {
    this.#owned.dispose();
    for (const link of [...this.#links]) link.end();
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
    try {
      this.#take(await this.parts.lanes.dial(host, this.#offer.port, this.#offer.fingerprint), true);
    } catch (error) {
      this.parts.log.debug(`lane to ${this.parts.peerKey.slice(0, 8)}: ${String(error)}`);
      if (mayAsk && !this.#owned.isDisposed) this.#send.dial?.(null);
    } finally {
      this.#isDialling = false;
    }
  }

  #take({ socket, start }: LaneSocket, isMine: boolean): void {
    if (this.#owned.isDisposed) {
      socket.destroy();
      return;
    }
    const { peerKey, rttMs, onStrike, onViolation } = this.parts;
    const link = new LaneLink(socket, { peerKey, rttMs, onStrike, onViolation });
    // Both sides may dial at once: each then asks on its own, and answers on either.
    const others = [...this.#links];
    this.#links.clear();
    for (const each of isMine ? [link, ...others] : [...others, link]) this.#links.add(each);
    link.onDidClose(() => {
      this.#links.delete(link);
      if (isMine) this.#triedAt = -Infinity; // It worked, so it may work again at once.
    });
    this.parts.log.debug(`lane to ${peerKey.slice(0, 8)} is open`);
    this.parts.onLink(link);
    start((bytes) => link.receive(bytes));
  }
}
