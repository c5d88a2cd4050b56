import assert from 'node:assert/strict';
import { silentLog } from '../../src/engine/log';
import type { TransferMessage, TransferType } from '../../src/engine/net/transferMessages';
import { PackageReader } from '../../src/engine/store/packageReader';
import { PartialPackage } from '../../src/engine/store/partialPackage';
import type { Store } from '../../src/engine/store/store';
import type { DownloadOptions } from '../../src/engine/transfer/downloadParts';
import { Leecher } from '../../src/engine/transfer/leecher';
import type { TransferLink } from '../../src/engine/transfer/link';
import { RateLimit } from '../../src/engine/transfer/rate';
import { Seeder } from '../../src/engine/transfer/seeder';
import { damaged } from './fakeHolder';
import type { TestPackage } from './packages';
import { download, withStore } from './stores';
import { TestSources } from './testSources';
import { connect, type LinkEnd } from './transferLinks';

export interface SourceOptions {
  /** Bytes per second. */
  readonly limit?: number;
  /** Turns over one bit of everything that it sends. */
  readonly isLying?: boolean;
  /** Where its package is, if not in the store of all sources. */
  readonly store?: Store;
}

/** A peer that serves, with its own seeder and connection. */
export class TestSource {
  readonly problems: string[] = [];
  readonly limit: RateLimit;
  readonly seeder: Seeder;
  /** Bytes of chunks that came from it. */
  bytesGiven = 0;

  constructor(
    store: Store,
    { limit = 0, isLying = false }: SourceOptions,
    readonly ours: LinkEnd,
    readonly theirs: LinkEnd,
  ) {
    this.limit = new RateLimit(limit);
    this.seeder = new Seeder({
      open: (id) => (isLying ? openLying(store, id) : PackageReader.open(store, id)),
      uploadLimit: this.limit,
      log: silentLog,
      onSourceProblem: (_id, error) => this.problems.push('code' in error ? String(error.code) : error.message),
    });
    this.seeder.attach(theirs.link, () => true);
    ours.link.onDidReceive((message) => {
      if (message.type === 'data') this.bytesGiven += message.bytes.byteLength;
    });
  }

  end(): void {
    this.seeder.dispose();
    this.ours.destroy();
    this.theirs.destroy();
  }
}

/** A store that fetches, and any number of sources that serve the same package from another. */
export class TransferSwarm {
  readonly sources = new TestSources();
  readonly #all: TestSource[] = [];
  #partial: Promise<PartialPackage> | undefined;

  private constructor(
    readonly content: TestPackage,
    readonly store: Store,
    readonly seedStore: Store,
    /** Where the sources have their files. */
    readonly seedFolder: string,
  ) {}

  static async run(content: TestPackage, use: (swarm: TransferSwarm) => Promise<unknown>): Promise<void> {
    await withStore((seedStore) =>
      withStore(async (store) => {
        const { folder } = await (await download(seedStore, content)).finish();
        const swarm = new TransferSwarm(content, store, seedStore, folder);
        try {
          await use(swarm);
        } finally {
          for (const source of swarm.#all) source.end();
        }
      }),
    );
  }

  /** A source that joins the download now. */
  async addSource(options: SourceOptions = {}): Promise<TestSource> {
    const source = await this.connectTo(options);
    this.sources.add(source.ours.link);
    return source;
  }

  /** A source that nobody is told of. */
  async connectTo(options: SourceOptions = {}): Promise<TestSource> {
    const source = new TestSource(options.store ?? this.seedStore, options, ...(await connect()));
    this.#all.push(source);
    return source;
  }

  leecher({ limit = 0, ...options }: DownloadOptions & { readonly limit?: number } = {}): Leecher<PartialPackage> {
    this.#partial = PartialPackage.open(this.store, this.content.manifest);
    return leecherOf(this.content, this.sources, () => this.#partial!, { limit, ...options });
  }

  /** What the download writes to. */
  get partial(): Promise<PartialPackage> {
    assert.ok(this.#partial);
    return this.#partial;
  }

  /** Resolves when this share of the chunks is there. */
  async held(share: number): Promise<void> {
    const { held, onDidHold } = await this.partial;
    const isThere = () => held.count >= share * held.size;
    if (isThere()) return;
    await new Promise<void>((resolve) => {
      const listening = onDidHold(() => {
        if (!isThere()) return;
        listening.dispose();
        resolve();
      });
    });
  }
}

export function leecherOf(
  { manifest }: TestPackage,
  sources: TestSources,
  openPartial: () => Promise<PartialPackage>,
  { limit = 0, ...options }: DownloadOptions & { readonly limit?: number } = {},
): Leecher<PartialPackage> {
  return new Leecher({ sources, openPartial, limits: [new RateLimit(limit)], log: silentLog }, manifest.id, options);
}

/** The next message of this type that comes over a link. */
export function next<T extends TransferType>(
  link: TransferLink,
  type: T,
): Promise<Extract<TransferMessage, { type: T }>> {
  return new Promise((resolve) => {
    const listening = link.onDidReceive((message) => {
      if (message.type !== type) return;
      listening.dispose();
      resolve(message as Extract<TransferMessage, { type: T }>);
    });
  });
}

async function openLying(store: Store, id: string) {
  const reader = await PackageReader.open(store, id);
  const { manifest, map, held } = reader;
  return {
    manifest,
    map,
    held,
    hashes: (group: number) => reader.hashes(group),
    read: async (first: number, count: number) => Buffer.from(damaged(await reader.read(first, count))),
    close: () => reader.close(),
  };
}
