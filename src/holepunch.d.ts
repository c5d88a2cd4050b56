// Types of the Holepunch calls that we use. The packages ship none. Nothing more than is called.

declare module 'hypercore-crypto' {
  export interface KeyPair {
    readonly publicKey: Buffer;
    readonly secretKey: Buffer;
  }
  export function keyPair(seed?: Uint8Array): KeyPair;
  export function sign(message: Uint8Array, secretKey: Uint8Array): Buffer;
  export function verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean;
  export function hash(data: Uint8Array | readonly Uint8Array[]): Buffer;
  export function randomBytes(size: number): Buffer;
}

declare module 'sodium-universal' {
  /** libsodium. Lengths are checked by it; it throws for a wrong one. */
  interface Sodium {
    readonly crypto_pwhash_ALG_ARGON2ID13: number;
    readonly crypto_aead_xchacha20poly1305_ietf_KEYBYTES: number;
    /** Fills `out`. Runs in a thread of the pool. */
    crypto_pwhash_async(
      out: Uint8Array,
      password: Uint8Array,
      salt: Uint8Array,
      passes: number,
      memoryBytes: number,
      algorithm: number,
    ): Promise<void>;
    crypto_aead_xchacha20poly1305_ietf_encrypt(
      cipher: Uint8Array,
      message: Uint8Array,
      also: Uint8Array,
      nothing: null,
      nonce: Uint8Array,
      key: Uint8Array,
    ): number;
    crypto_aead_xchacha20poly1305_ietf_decrypt(
      message: Uint8Array,
      nothing: null,
      cipher: Uint8Array,
      also: Uint8Array,
      nonce: Uint8Array,
      key: Uint8Array,
    ): number;
    /** Throws for what is no point of the curve. */
    crypto_sign_ed25519_pk_to_curve25519(boxKey: Uint8Array, signKey: Uint8Array): void;
    crypto_sign_ed25519_sk_to_curve25519(boxKey: Uint8Array, signKey: Uint8Array): void;
    crypto_box_seal(sealed: Uint8Array, message: Uint8Array, publicKey: Uint8Array): void;
    crypto_box_seal_open(
      message: Uint8Array,
      sealed: Uint8Array,
      publicKey: Uint8Array,
      secretKey: Uint8Array,
    ): boolean;
  }
  const sodium: Sodium;
  export default sodium;
}

declare module '@hyperswarm/secret-stream' {
  import type { Duplex } from 'node:stream';

  /** An encrypted, authenticated stream between two key pairs. */
  export default class NoiseSecretStream extends Duplex {
    constructor(
      isInitiator: boolean,
      rawStream?: unknown,
      options?: { keyPair?: { publicKey: Buffer; secretKey: Buffer } },
    );
    readonly isInitiator: boolean;
    readonly publicKey: Buffer;
    readonly remotePublicKey: Buffer;
    /** 64 bytes that both ends share and nobody else can make. */
    readonly handshakeHash: Buffer;
    readonly rawStream: { readonly remoteHost?: string | null; readonly remotePort?: number; readonly rtt?: number };
    userData: unknown;
    setKeepAlive(ms: number): void;
    readonly opened: Promise<boolean>;
  }
}

declare module 'hyperdht' {
  import type { EventEmitter } from 'node:events';
  import type NoiseSecretStream from '@hyperswarm/secret-stream';

  export interface DhtNode {
    readonly host: string;
    readonly port: number;
  }

  export interface DhtOptions {
    readonly bootstrap?: readonly (string | DhtNode)[];
    readonly nodes?: readonly DhtNode[];
    readonly host?: string;
    readonly port?: number;
    readonly anyPort?: boolean;
    readonly ephemeral?: boolean;
    readonly firewalled?: boolean;
    readonly keyPair?: { publicKey: Buffer; secretKey: Buffer };
  }

  /** UDP socket of udx-native. */
  export interface UdxSocket extends EventEmitter {
    bind(port: number, host?: string): void;
    address(): DhtNode | null;
    send(buffer: Uint8Array, port: number, host: string, ttl?: number): Promise<boolean>;
    trySend(buffer: Uint8Array, port: number, host: string, ttl?: number): void;
    emit(event: string | symbol, ...args: unknown[]): boolean;
    close(): Promise<void>;
  }

  export interface UdxStream extends EventEmitter {
    readonly connected: boolean;
    readonly destroyed: boolean;
    connect(socket: UdxSocket, remoteId: number, port: number, host: string, ...rest: unknown[]): void;
    changeRemote(socket: UdxSocket, remoteId: number, port: number, host: string): Promise<void>;
    destroy(error?: Error): void;
  }

  export interface UdxStreamOptions {
    readonly framed?: boolean;
    /** Whether the first packet of a stranger is refused. */
    readonly firewall?: (socket: UdxSocket, port: number, host: string) => boolean;
  }

  /** What a node makes its sockets with. */
  export interface Udx {
    createSocket(...args: unknown[]): UdxSocket;
    createStream(id: number, options?: UdxStreamOptions): UdxStream;
    lookup(host: string, options?: unknown): Promise<unknown>;
  }

  export interface DhtServer {
    listen(keyPair: unknown): Promise<void>;
    close(): Promise<void>;
  }

  export default class HyperDHT extends EventEmitter {
    constructor(options?: DhtOptions);
    readonly udx: Udx;
    static bootstrapper(port: number, host: string, options?: DhtOptions): HyperDHT;
    readonly online: boolean;
    readonly bootstrapped: boolean;
    readonly firewalled: boolean;
    readonly host: string | null;
    readonly port: number;
    /** Null before the sockets are bound. */
    address(): DhtNode | null;
    bind(): Promise<void>;
    fullyBootstrapped(): Promise<void>;
    connect(key: Uint8Array, options?: { relayAddresses?: readonly DhtNode[]; keyPair?: unknown }): NoiseSecretStream;
    createServer(onConnection: (stream: NoiseSecretStream) => void): DhtServer;
    /** One item for each node that knows somebody there. */
    lookup(topic: Uint8Array): AsyncIterable<{
      readonly peers: readonly { readonly publicKey: Buffer; readonly relayAddresses: readonly DhtNode[] }[];
    }>;
    toArray(): DhtNode[];
    destroy(options?: { force?: boolean }): Promise<void>;
  }
}

declare module 'hyperdht/testnet' {
  import type HyperDHT from 'hyperdht';
  import type { DhtNode, DhtOptions } from 'hyperdht';

  export interface Testnet {
    readonly bootstrap: readonly DhtNode[];
    readonly nodes: readonly HyperDHT[];
    createNode(options?: DhtOptions): HyperDHT;
    destroy(): Promise<void>;
  }
  export default function createTestnet(size?: number, options?: { host?: string; port?: number }): Promise<Testnet>;
}

declare module 'hyperswarm' {
  import type { EventEmitter } from 'node:events';
  import type HyperDHT from 'hyperdht';
  import type { DhtNode } from 'hyperdht';
  import type NoiseSecretStream from '@hyperswarm/secret-stream';

  export interface PeerInfo extends EventEmitter {
    readonly publicKey: Buffer;
    /** Topics that a lookup of ours found this peer under. Empty for a peer that found us. */
    readonly topics: readonly Buffer[];
    readonly client: boolean;
    readonly relayAddresses?: readonly DhtNode[] | null;
    on(event: 'topic', listener: (topic: Buffer) => void): this;
    off(event: 'topic', listener: (topic: Buffer) => void): this;
  }

  export interface Discovery {
    flushed(): Promise<boolean>;
    refresh(options?: { client?: boolean; server?: boolean }): Promise<void>;
    destroy(): Promise<void>;
  }

  export default class Hyperswarm extends EventEmitter {
    constructor(options: {
      keyPair: { publicKey: Buffer; secretKey: Buffer };
      dht: HyperDHT;
      maxPeers?: number;
      maxParallel?: number;
    });
    readonly dht: HyperDHT;
    readonly connections: ReadonlySet<NoiseSecretStream>;
    readonly connecting: number;
    /** By public key in hex. */
    readonly peers: ReadonlyMap<string, PeerInfo>;
    /** Also those that are being made. Not public; see `Swarm.meet`. */
    readonly _allConnections: { has(key: Uint8Array): boolean };
    join(topic: Buffer, options?: { client?: boolean; server?: boolean; limit?: number }): Discovery;
    leave(topic: Buffer): Promise<void>;
    listen(): Promise<void>;
    destroy(options?: { force?: boolean }): Promise<void>;
    on(event: 'connection', listener: (stream: NoiseSecretStream, info: PeerInfo) => void): this;
    /** What a lookup calls for each peer it finds. Not public; see `Swarm.#meet`. */
    _handlePeer(peer: { publicKey: Buffer; relayAddresses: readonly DhtNode[] }, topic: Buffer): void;
  }
}

declare module 'protomux' {
  import type { Encoder, State } from 'compact-encoding';
  import type { Duplex } from 'node:stream';

  export interface ProtomuxMessage<T> {
    send(value: T): boolean;
  }

  export interface ProtomuxChannel {
    readonly opened: boolean;
    readonly closed: boolean;
    readonly drained: boolean;
    open(handshake?: unknown): void;
    close(): void;
    addMessage<T>(options: { encoding: Encoder<T>; onmessage: (value: T) => void }): ProtomuxMessage<T>;
    cork(): void;
    uncork(): void;
  }

  export interface ChannelOptions {
    readonly protocol: string;
    readonly id?: Uint8Array | null;
    readonly handshake?: Encoder | null;
    readonly unique?: boolean;
    readonly onopen?: (handshake: unknown) => void;
    readonly onclose?: (isRemote: boolean) => void;
    readonly ondrain?: () => void;
  }

  export default class Protomux {
    constructor(stream: Duplex);
    static from(stream: Duplex): Protomux;
    readonly stream: Duplex;
    readonly drained: boolean;
    /** Null when a channel of this protocol and id is open already. */
    createChannel(options: ChannelOptions): ProtomuxChannel | null;
    pair(
      key: { protocol: string; id?: Uint8Array | null },
      notify: (id: Uint8Array | null) => void | Promise<void>,
    ): void;
    unpair(key: { protocol: string; id?: Uint8Array | null }): void;
    opened(key: { protocol: string; id?: Uint8Array | null }): boolean;
    destroy(error?: Error): void;
    // Not public: what `SafeMux` puts in place of them (protomux 3.12, pinned by the lockfile).
    protected _destroying: boolean;
    protected readonly _remote: readonly unknown[];
    protected _onbatch(state: State): void;
    protected _decode(remoteId: number, state: State): unknown;
    protected _onopensession(state: State): unknown;
    protected _safeDestroy(error: Error): void;
  }
}
