import type NoiseSecretStream from '@hyperswarm/secret-stream';
import type { KeyPair } from 'hypercore-crypto';
import HyperDHT, { type DhtNode } from 'hyperdht';
import Hyperswarm, { type Discovery, type PeerInfo } from 'hyperswarm';
import { Emitter } from '../events';
import { Resource, type Disposable } from '../lifecycle';
import type { Logger } from '../log';
import { parseHostPort } from '../settings';
import { isLoopback } from './address';
import type { LanPeer } from './lan/lanBeacon';
import { keepOnLan } from './lan/lanOnly';

/** A polite goodbye to the DHT takes 80 requests per topic; it may take this long, then we go without. */
const POLITE_CLOSE_MS = 1_000;
/**
 * Dials at a time. Peers that died stay on the DHT for 20 minutes and cost up to 13 s each, so with Hyperswarm's 3 a few dead
 * ones keep the living away for a minute.
 */
const MAX_DIALS = 16;
/** Of one lookup: 20 nodes name 20 each (hyperdht 6, `MAX_RECORDS_PER_LOOKUP`), and some more are asked on the way. */
const MAX_FOUND = 1_000;

export interface Connection {
  readonly stream: NoiseSecretStream;
  readonly info: PeerInfo;
}

export interface SwarmParts {
  readonly keyPair: KeyPair;
  readonly host: string | undefined;
  /** `HOST:PORT` of bootstrap nodes; empty for the public Hyperswarm DHT. */
  readonly bootstrap: () => readonly string[];
  /** Whether anything outside of the local network may be asked or told; absent: yes. Kept until `stop`. */
  readonly mayUseDht?: () => boolean;
  readonly log: Logger;
}

/** A topic that this engine announces, looks up, or both, until it is disposed. */
export interface JoinedTopic extends Disposable {
  /** Ends when the first announce and lookup are through; false when the network can't. Offline it takes 24 s. */
  flushed(): Promise<boolean>;
  /** Announces and looks up again, now. */
  refresh(): void;
}

/** Somebody whom a DHT node names for a topic. */
export interface FoundPeer {
  readonly publicKey: Buffer;
  readonly relayAddresses: readonly DhtNode[];
}

interface TopicRecord {
  readonly topic: Buffer;
  readonly options: { readonly server: boolean; readonly client: boolean };
  session: Discovery | undefined;
}

/**
 * One Hyperswarm with one key pair. It starts when something is joined, and without a DHT as long as only the local
 * network is, or may be: then the node has no bootstrap, and no packet of it goes to an address outside.
 */
export class Swarm extends Resource {
  readonly #connected = this.owned.add(new Emitter<Connection>());
  readonly onDidConnect = this.#connected.event;
  readonly #lost = this.owned.add(new Emitter<void>());
  /** A connection ended, for whatever reason. */
  readonly onDidLose = this.#lost.event;
  readonly #moved = this.owned.add(new Emitter<void>());
  /** Another node took the place of the one before, at another port. */
  readonly onDidMove = this.#moved.event;
  readonly #topics = new Map<string, TopicRecord>();
  #swarm: Hyperswarm | undefined;
  #usesDht = false;

  constructor(private readonly parts: SwarmParts) {
    super();
  }

  protected override _open(): Promise<void> {
    return Promise.resolve();
  }

  /** Whether a DHT is in use and answered at least once. */
  get isOnline(): boolean {
    return this.#usesDht && this.dhtNodes > 0;
  }

  /** How many DHT nodes this one knows. */
  get dhtNodes(): number {
    return this.#usesDht ? (this.#swarm?.dht.toArray().length ?? 0) : 0;
  }

  /** UDP port that peers of the local network dial; 0 before anything was joined. */
  get port(): number {
    return this.#swarm?.dht.address()?.port ?? 0;
  }

  get isRunning(): boolean {
    return this.#swarm !== undefined;
  }

  /** Joins a topic on the DHT. Returns at once: announcing takes seconds, and offline it never ends. */
  join(topic: Buffer, options: { readonly server: boolean; readonly client: boolean }): JoinedTopic {
    const key = topic.toString('hex');
    const record: TopicRecord = { topic, options, session: undefined };
    if (this.parts.mayUseDht?.() ?? true) record.session = this.#start(true).join(topic, options);
    this.#topics.set(key, record);
    return {
      // Rejects when the swarm ends before it listens, which is no more than not being there.
      flushed: () => record.session?.flushed().catch(() => false) ?? Promise.resolve(false),
      refresh: () => void record.session?.refresh(options).catch(() => undefined),
      dispose: () => {
        if (this.#topics.get(key) !== record) return;
        this.#topics.delete(key);
        void this.#swarm?.leave(topic).catch(() => undefined);
      },
    };
  }

  /**
   * Asks the DHT nodes of a topic whom they know there. Each answers with some; whom several name is there several times.
   * Dials nobody, and asks nobody once this is closed.
   */
  async lookUp(topic: Buffer): Promise<FoundPeer[]> {
    if (this.owned.isDisposed || !(this.parts.mayUseDht?.() ?? true)) return [];
    const found: FoundPeer[] = [];
    const { dht } = this.#start(true);
    for await (const { peers } of dht.lookup(topic))
      for (const { publicKey, relayAddresses } of peers) {
        if (found.length >= MAX_FOUND) return found;
        found.push({ publicKey, relayAddresses });
      }
    return found;
  }

  /** Makes this engine reachable for peers of the local network, without a DHT. Its port is known then. */
  async listen(): Promise<void> {
    const swarm = this.#start(this.#usesDht);
    // It also announces us, and with a DHT that does not answer that takes half a minute which nobody nearby has to wait.
    swarm.listen().catch((error: unknown) => this.parts.log.debug(`announce: ${String(error)}`));
    await swarm.dht.bind();
  }

  /** Dials a peer whose address is known, unless that is going on. */
  meet({ key, take, topic }: LanPeer): void {
    const swarm = this.#swarm;
    if (!swarm) return;
    const isBusy = swarm._allConnections.has(key);
    const relayAddresses = isBusy ? (swarm.peers.get(key.toString('hex'))?.relayAddresses ?? []) : take();
    // The same call that a lookup makes for each peer it finds. It dedupes, queues and retries, which a bare
    // `dht.connect` would not. It has no public twin that takes an address (hyperswarm 4.17, pinned by the lockfile).
    swarm._handlePeer({ publicKey: key, relayAddresses }, topic);
  }

  /** Ends every connection and forgets the DHT; topics are joined anew when something is joined. */
  async stop(): Promise<void> {
    const swarm = this.#swarm;
    this.#swarm = undefined;
    this.#usesDht = false;
    if (!swarm) return;
    // Destroyed streams tell their peers at once, so that nobody waits for a timeout.
    for (const stream of swarm.connections) stream.destroy();
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => (timer = setTimeout(resolve, POLITE_CLOSE_MS)));
    await Promise.race([swarm.destroy().catch(() => undefined), deadline]);
    clearTimeout(timer);
    // The node first: that ends the requests which a goodbye still waits for. `swarm.destroy({ force })` would wait too, for
    // as long as a DHT that does not answer takes to time out.
    await swarm.dht.destroy({ force: true }).catch(() => undefined);
    await swarm.destroy({ force: true }).catch(() => undefined);
  }

  protected async _close(): Promise<void> {
    this.#topics.clear();
    await this.stop();
  }

  #start(needsDht: boolean): Hyperswarm {
    if (this.#swarm && (this.#usesDht || !needsDht)) return this.#swarm;
    const before = this.#swarm;
    const swarm = this.#make(needsDht);
    this.#swarm = swarm;
    this.#usesDht = needsDht;
    // A node made without a DHT can't get one. Its peers of the local network dial the new node at their next beacon.
    if (before)
      void before
        .destroy({ force: true })
        .catch(() => undefined)
        .then(async () => {
          if (this.#swarm !== swarm) return;
          await this.listen();
          this.#moved.fire();
        })
        .catch((error: unknown) => this.parts.log.debug(`announce: ${String(error)}`));
    if (needsDht) for (const record of this.#topics.values()) record.session = swarm.join(record.topic, record.options);
    return swarm;
  }

  #make(needsDht: boolean): Hyperswarm {
    const { keyPair, host, log } = this.parts;
    const bootstrap = needsDht ? this.parts.bootstrap().map(parseHostPort) : [];
    const isLocal = host !== undefined && isLoopback(host);
    if (isLocal && needsDht && bootstrap.length === 0) log.warn(`${host} reaches no public DHT: name bootstrap nodes`);
    const dht = new HyperDHT({
      keyPair,
      // With a loopback host the public nodes are never asked, named or not.
      ...(needsDht && bootstrap.length === 0 && !isLocal ? {} : { bootstrap }),
      ...(host === undefined ? {} : { host }),
      // Nothing translates addresses on loopback, and the few nodes there could not prove it (4 samples are wanted).
      ...(isLocal ? { firewalled: false } : {}),
      // Without a DHT nobody samples our address either, and peers of the local network dial it directly.
      ...(needsDht ? {} : { firewalled: false }),
      anyPort: true,
    });
    if (!needsDht) keepOnLan(dht.udx);
    const swarm = new Hyperswarm({ keyPair, dht, maxParallel: MAX_DIALS });
    swarm.on('connection', (stream, info) => {
      stream.on('error', (error: Error) => log.trace(`connection: ${error.message}`));
      stream.once('close', () => this.#lost.fire());
      this.#connected.fire({ stream, info });
    });
    return swarm;
  }
}
