import type { KeyPair } from 'hypercore-crypto';
import { findAdapters } from './adapter/findAdapters';
import { LoraSwarmError, hasCode } from './errors';
import { Emitter, type Event } from './events';
import { applySetting } from './flows/applySetting';
import { compare } from './flows/compare';
import { examine } from './flows/doctor';
import { getAdapter } from './flows/download';
import { Downloads } from './flows/downloads';
import { fingerprintOf } from './flows/fingerprint';
import { convertTarget, installTarget, judgeTarget } from './flows/install';
import { leaveRoom } from './flows/leaveRoom';
import { describeAdapter, inspectPath, listAdapters } from './flows/list';
import { LocalOllama } from './flows/localOllama';
import { ollamaAdapters, shareOllamaAdapter } from './flows/ollamaAdapters';
import { isOllamaTarget } from './flows/ollamaTarget';
import { mergeTargets } from './flows/mergeAdapters';
import { mergeTargetsIntoBase, planMergeIntoBase } from './flows/mergeIntoBase';
import { MeteredWatch } from './flows/metered';
import { THIS_SYSTEM, isNetworkMetered } from './flows/networkCost';
import { Offers } from './flows/offers';
import { identityGrants, type OwnIdentityParts } from './flows/ownIdentity';
import type { EngineParts } from './flows/parts';
import { planInstall } from './flows/planInstall';
import { RoomLimits, setRoomLimits } from './flows/roomLimits';
import { joinRoom, roomWishes } from './flows/rooms';
import { settleIdentity } from './flows/settleIdentity';
import { isMeantFor } from './flows/meantRooms';
import { shareAdapter, sourceMessage, unshareAdapter } from './flows/share';
import { libraryStates, takeSnapshot, type SnapshotParts } from './flows/snapshot';
import { transferDetails } from './flows/transferDetails';
import { DisposableStore, repeatEvery } from './lifecycle';
import { plainLog, type Logger } from './log';
import { Lanes } from './net/lane/lanes';
import { reachesOutside } from './net/networkMode';
import type { JoinOptions } from './net/members/privateRooms';
import { Rooms } from './net/rooms';
import { Swarm } from './net/swarm';
import type { TransferChannel } from './net/transferChannel';
import { listModels } from './ollama/models';
import { uninstallModel } from './ollama/install/uninstall';
import { AuthorNames } from './registry/authorNames';
import { Authors } from './registry/authors';
import { Catalog } from './registry/catalog';
import { Library } from './registry/library';
import { Registry } from './registry/registry';
import { parseSettingKey, type SettingKey } from './settings';
import type { EngineState, IdentityState, RoomState } from './state';
import { PackageReader } from './store/packageReader';
import { Store } from './store/store';
import { RateLimit } from './transfer/rate';
import { Seeder } from './transfer/seeder';
import type { EngineClient, EngineEvent, WishName, WishOptions, Wishes } from './wishes';

/** Shells draw at most four states a second. */
const STATE_MS = 250;
/** Files that are shared in place may change at any time; looking at size and time costs nothing. */
const SOURCES_MS = 2_000;
const OLLAMA_MS = 20_000;
/** An answer is out by then. */
const RESTART_MS = 200;

/** Where one engine lives and what it may touch. */
export interface EngineOptions {
  /** Storage folder, absolute. Made with mode 0700 when it is not there. */
  readonly home: string;
  readonly log: Logger;
  /** `HOST:PORT` of DHT bootstrap nodes. Absent: the setting, then the public Hyperswarm DHT. */
  readonly bootstrap?: readonly string[];
  /** Address to bind every socket to. With 127.0.0.1 nothing leaves loopback, multicast included. */
  readonly host?: string;
  /** False: chunks go on the connections of the rooms only, also within one network. */
  readonly lane?: boolean;
  /** `OLLAMA_HOST` of the shell that started the engine. */
  readonly ollamaHost?: string;
  /** 32-byte Ed25519 seed, hex, from the shell's secret storage. Absent: `identity.key` (0600) in `home`. */
  readonly identitySeed?: string;
  /** Starts the links that `share` gives: `vscode`, `vscode-insiders`, `vscodium`, … */
  readonly uriScheme?: string;
}

/** The engine of one storage folder: plain parts in reading order, one method per wish. */
export interface Engine extends EngineClient {
  readonly state: EngineState;
  /** At most 4 times a second. */
  readonly onDidChangeState: Event<EngineState>;
  readonly onDidHappen: Event<EngineEvent>;
  /** Another identity is written down: close this engine and open the next one. */
  readonly onDidAskRestart?: Event<void>;
  wish<N extends WishName>(name: N, params: Wishes[N]['params'], options?: WishOptions): Promise<Wishes[N]['result']>;
  /** Ends within 3 s, whatever the network does. */
  close(): Promise<void>;
}

/**
 * Opens the engine of a storage folder: reads what is there, rejoins rooms, takes up downloads. Waits for no network.
 *
 * @throws {LoraSwarmError} `STORE_CORRUPT`, `STORE_VERSION`, `STORE_READ_ONLY`, `STORE_FULL`
 */
export async function createEngine(given: EngineOptions): Promise<Engine> {
  const options = { ...given, log: plainLog(given.log) };
  const store = await Store.open(options.home, { log: options.log });
  try {
    const engine = new LocalEngine(options, store, await settleIdentity(store, options.identitySeed, options.log));
    await engine.open();
    return engine;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** The parts of one engine, in the order in which they need each other. */
class LocalEngine implements Engine {
  readonly #owned = new DisposableStore();
  readonly #changed = this.#owned.add(new Emitter<EngineState>());
  readonly #happened = this.#owned.add(new Emitter<EngineEvent>());
  readonly #restart = this.#owned.add(new Emitter<void>());
  readonly onDidAskRestart = this.#restart.event;
  readonly #linked = this.#owned.add(new Emitter<TransferChannel>());
  readonly onDidChangeState = this.#changed.event;
  readonly onDidHappen = this.#happened.event;
  readonly #parts: EngineParts;
  readonly #downloads: Downloads;
  readonly #downloadLimit: RateLimit;
  readonly #uploadLimit: RateLimit;
  readonly #roomLimits: RoomLimits;
  readonly #offers: Offers;
  readonly #metered: MeteredWatch;
  readonly #lanes: Lanes | undefined;
  #state: EngineState | undefined;
  #stateTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    private readonly options: EngineOptions,
    store: Store,
    keys: KeyPair,
  ) {
    const { log, host } = options;
    const settings = () => store.settings.all();
    const bootstrap = (): readonly string[] => options.bootstrap ?? settings()['network.bootstrap'];
    this.#downloadLimit = this.#owned.add(new RateLimit(settings()['transfer.downloadLimit']));
    this.#uploadLimit = this.#owned.add(new RateLimit(settings()['transfer.uploadLimit']));
    this.#roomLimits = this.#owned.add(new RoomLimits(store.rooms));
    this.#metered = this.#owned.add(
      new MeteredWatch({
        isWanted: () => settings()['transfer.pauseOnMetered'],
        ask: (signal) => isNetworkMetered({ ...THIS_SYSTEM, signal }),
        log,
      }),
    );
    const authors = this.#owned.add(new Authors({ statements: store.statements, log }));
    const identity = (): IdentityState => ({
      key: keys.publicKey.toString('hex'),
      fingerprint: fingerprintOf(keys.publicKey),
      name: settings()['identity.displayName'],
      ...(authors.facts(keys.publicKey.toString('hex')).isRevoked ? { isRevoked: true } : {}),
    });
    const registry = new Registry(store);
    const library = new Library(store);
    const catalog = new Catalog({
      admit: (signed) => store.releaseNumbers.admit(signed),
      together: (work) => store.releaseNumbers.together(work),
      isMeantFor: (room, signed) => isMeantFor(this.#parts.rooms, room, signed),
    });
    const offered = (look: string) => catalog.byLook(look);
    const names = this.#owned.add(new AuthorNames({ authors, here: [registry, library], offered }));
    this.#offers = new Offers({ registry, catalog });
    const ollama = new LocalOllama({
      url: () => settings()['ollama.url'],
      ollamaHost: options.ollamaHost,
      made: store.madeModels,
      log,
    });
    const mayUseDht = (): boolean => reachesOutside(settings()['network.mode']);
    const swarm = new Swarm({ keyPair: keys, host, bootstrap, mayUseDht, log });
    this.#lanes = options.lane === false ? undefined : new Lanes({ host, log });
    const seeder = new Seeder({
      open: (id) => PackageReader.open(store, id).catch(ifUnknown),
      uploadLimit: this.#uploadLimit,
      limitsFor: (peer, id) => this.#roomLimits.uploads(this.#roomsFor(peer, id)),
      log,
      onSourceProblem: () => void registry.checkSources(),
    });
    const rooms = new Rooms({
      swarm,
      lanes: this.#lanes,
      keyPair: keys,
      host,
      memory: store.rooms,
      strikes: store.struck,
      myName: () => identity().name,
      mode: () => settings()['network.mode'],
      joinAtStart: () => settings()['rooms.joinAtStart'],
      limitsOf: (room) => this.#roomLimits.of(room),
      offers: (room) => this.#offers.inRoom(room),
      statements: authors,
      events: {
        onSnapshot: (room, peer, entries) => catalog.applySnapshot(room, peer, entries),
        onDelta: (room, peer, add, remove) => catalog.applyDelta(room, peer, { add, remove }),
        onGone: (room, peer) => catalog.dropPeer(room, peer),
        onTransfer: (link) => {
          seeder.attach(link, (id) => this.#roomsFor(link.peerKey, id).length > 0);
          this.#linked.fire(link);
        },
        onHappen: (event) => this.#happened.fire(event),
      },
      uriScheme: options.uriScheme ?? 'vscode',
      log,
    });
    this.#parts = {
      store,
      keys,
      identity,
      authors,
      names,
      settings,
      registry,
      library,
      catalog,
      swarm,
      rooms,
      seeder,
      ollama,
      uriScheme: options.uriScheme ?? 'vscode',
      log,
    };
    this.#downloads = new Downloads({
      ...this.#parts,
      onDidLink: this.#linked.event,
      limit: this.#downloadLimit,
      roomLimits: this.#roomLimits,
      offers: this.#offers,
      onHappen: (event) => this.#happened.fire(event),
    });
  }

  get state(): EngineState {
    return (this.#state ??= takeSnapshot(this.#snapshotParts));
  }

  get #snapshotParts(): SnapshotParts {
    const { host } = this.options;
    return { ...this.#parts, downloads: this.#downloads, metered: this.#metered, offers: this.#offers, host };
  }

  get #identityParts(): OwnIdentityParts {
    // Later, so that whoever asked hears the answer.
    return { ...this.#parts, onNewIdentity: () => void setTimeout(() => this.#restart.fire(), RESTART_MS).unref() };
  }

  async open(): Promise<void> {
    const { registry, library, catalog, rooms, ollama, authors } = this.#parts;
    this.#owned.add(registry.onDidChange(({ id }) => this.#onShared(id)));
    this.#owned.add(library.onDidChange(() => this.#touch()));
    this.#owned.add(authors.onDidChange(() => this.#touch()));
    this.#owned.add(this.#offers.onDidChange(({ id }) => this.#onOffered(id)));
    this.#owned.add(rooms.onDidChange(() => this.#touch()));
    this.#owned.add(this.#downloads.onDidChange(() => this.#touch()));
    this.#owned.add(
      catalog.onDidChange(({ room, added, removed }) => {
        this.#happened.fire({ type: 'adapters:available', room, added, removed });
        this.#touch();
      }),
    );
    this.#owned.add(
      this.onDidHappen(({ type }) => {
        if (type !== 'peer:connected' && type !== 'peer:disconnected') return;
        // After this event has reached every listener, so that nobody hears the count before the reason.
        queueMicrotask(() => this.#happened.fire({ type: 'peers:updated', count: rooms.peers.states(() => 0).length }));
      }),
    );
    this.#every(SOURCES_MS, () => registry.checkSources());
    this.#every(OLLAMA_MS, async () => (await ollama.look()) && this.#touch());
    void ollama.look().then(() => this.#touch());
    this.#owned.add(this.#metered.onDidChange(() => this.#onMetered()));
    await rooms.open();
    this.#downloads.takeUp();
    this.#metered.start();
  }

  async wish<N extends WishName>(
    name: N,
    params: Wishes[N]['params'],
    options: WishOptions = {},
  ): Promise<Wishes[N]['result']> {
    if (this.#closing)
      throw new LoraSwarmError('ENGINE_CLOSED', 'LoRA Swarm is closing. Try again in a moment.', { kind: 'retry' });
    const grant = this.#grants[name] as (
      params: Wishes[N]['params'],
      options: WishOptions,
    ) => Promise<Wishes[N]['result']> | Wishes[N]['result'];
    try {
      return await grant(params, options);
    } finally {
      this.#touch();
    }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /** One method per wish. */
  readonly #grants: {
    readonly [N in WishName]: (
      params: Wishes[N]['params'],
      options: WishOptions,
    ) => Promise<Wishes[N]['result']> | Wishes[N]['result'];
  } = {
    state: () => this.state,
    inspect: ({ path }, { signal }) => inspectPath(this.#parts, path, signal),
    verdict: (params, { signal }) => judgeTarget(this.#parts, params, signal),
    convert: (params, { signal }) => convertTarget(this.#parts, params, signal),
    planInstall: (params, options) => planInstall(this.#parts, params, options),
    mergeAdapters: (params, options) => mergeTargets(this.#parts, params, options),
    planMergeIntoBase: (params, { signal }) => planMergeIntoBase(this.#parts, params, signal),
    mergeIntoBase: (params, options) => mergeTargetsIntoBase(this.#parts, params, options),
    compare: (params, options) => compare(this.#parts, params, options),
    ollamaAdapters: (_params, { signal }) => ollamaAdapters(this.#parts, signal),
    share: (params, options) =>
      isOllamaTarget(params.path)
        ? shareOllamaAdapter(this.#parts, params, options)
        : shareAdapter(this.#parts, params, options),
    unshare: ({ target }) => unshareAdapter(this.#parts, target),
    list: (params, { signal }) => listAdapters(this.#parts, params, signal),
    adapter: ({ id }, options) => describeAdapter(this.#parts, id, options),
    get: (params, options) => getAdapter({ ...this.#parts, downloads: this.#downloads }, params, options),
    transfer: (params) => transferDetails(this.#snapshotParts, params),
    pause: async ({ id }) => (await this.#downloads.pause(id), {}),
    resume: ({ id }) => (this.#downloads.resume(id), {}),
    cancel: async ({ id }) => (await this.#downloads.cancel(id), {}),
    moveDownload: ({ id, to }) => (this.#downloads.move(id, to), {}),
    forget: async ({ id }) => {
      const found = this.#parts.library.find(id);
      return { id: found.id, bytesFreed: await this.#parts.library.remove(found.id) };
    },
    library: () => ({ adapters: libraryStates(this.#parts) }),
    install: (params, options) => installTarget(this.#parts, params, options),
    uninstall: ({ model }, { signal }) => uninstallModel(this.#parts.ollama.installParts, model, signal),
    models: async (_params, { signal }) => ({
      models: await listModels(this.#parts.ollama.client, this.#parts.store.madeModels, signal),
    }),
    find: async ({ folders }, { signal }) => ({ adapters: await findAdapters(folders, signal ? { signal } : {}) }),
    rooms: () => ({ rooms: this.#fresh().rooms }),
    joinRoom: ({ room, label, waitMs }, { signal }) => this.#join(room, { label, waitMs, signal }),
    ...roomWishes(() => this.#parts.rooms),
    leaveRoom: ({ room }) => ({
      room: leaveRoom({ ...this.#parts, roomLimits: this.#roomLimits, offers: this.#offers }, room),
    }),
    setRoomLimits: (params) => {
      const id = setRoomLimits({ ...this.#parts, roomLimits: this.#roomLimits }, params);
      return this.#fresh().rooms.find((state) => state.id === id)!;
    },
    peers: () => ({ peers: this.#fresh().peers }),
    ...identityGrants(() => this.#identityParts),
    doctor: async () => ({ checks: await examine({ ...this.#parts, host: this.options.host }) }),
    settings: () => this.#parts.settings(),
    setSetting: ({ key, value }) => this.#setSetting(parseSettingKey(key), value),
  };

  async #join(room: string, options: JoinOptions): Promise<RoomState> {
    const id = await joinRoom(this.#parts.rooms, room, options);
    return this.#fresh().rooms.find((state) => state.id === id)!;
  }

  #setSetting(key: SettingKey, value: unknown): { key: string; value: unknown } {
    const set = this.#parts.store.settings.set(key, value);
    const limits = { downloadLimit: this.#downloadLimit, uploadLimit: this.#uploadLimit };
    applySetting({ ...this.#parts, ...limits, metered: this.#metered, touch: () => this.#touch() }, key);
    return { key, value: set };
  }

  #onMetered(): void {
    const { problem } = this.#metered;
    this.#downloads.setHold(problem);
    if (problem) this.#parts.seeder.pause();
    else this.#parts.seeder.resume();
    this.#touch();
  }

  /** Rooms that the peer proved and in which this is offered. */
  #roomsFor(peerKey: string, id: string): string[] {
    const peer = this.#parts.rooms.peers.get(peerKey);
    return peer ? this.#offers.roomsOf(id).filter((room) => peer.isIn(room)) : [];
  }

  #onOffered(id: string): void {
    this.#parts.rooms.refreshOffers();
    if (this.#offers.roomsOf(id).length === 0) this.#parts.seeder.revoke(id);
  }

  #onShared(id: string): void {
    const { registry, rooms, seeder } = this.#parts;
    const shared = registry.get(id);
    rooms.refreshOffers();
    if (this.#offers.roomsOf(id).length === 0) seeder.revoke(id);
    if (shared?.phase === 'changed' || shared?.phase === 'missing') {
      const message = sourceMessage(shared);
      this.#parts.log.warn(message);
      this.#happened.fire({ type: 'source:changed', id, name: shared.name, message });
    }
    this.#touch();
  }

  #every(ms: number, work: () => Promise<unknown>): void {
    const { log } = this.#parts;
    const unlessClosing = async (): Promise<unknown> => (this.#closing ? undefined : work());
    this.#owned.add(repeatEvery(ms, unlessClosing, (error) => log.warn(String(error))));
  }

  #fresh(): EngineState {
    this.#state = undefined;
    return this.state;
  }

  /** Something may have changed: tells the shells soon, once for all that happens until then. */
  #touch(): void {
    this.#state = undefined;
    if (this.#closing) return;
    this.#stateTimer ??= setTimeout(() => {
      this.#stateTimer = undefined;
      if (!this.#closing) this.#changed.fire(this.#fresh());
    }, STATE_MS);
  }

  async #close(): Promise<void> {
    const { store, catalog, swarm, rooms, seeder, ollama, log } = this.#parts;
    clearTimeout(this.#stateTimer);
    await this.#downloads.close().catch((error: unknown) => log.warn(String(error)));
    seeder.dispose();
    await rooms.close();
    await this.#lanes?.close();
    await swarm.close();
    this.#owned.dispose();
    catalog.close();
    await ollama.close();
    await store.close();
  }
}

function ifUnknown(error: unknown): undefined {
  if (!hasCode(error, 'ID_UNKNOWN')) throw error;
  return undefined;
}
