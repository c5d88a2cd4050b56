import type { KeyPair } from 'hypercore-crypto';
import type { Logger } from '../log';
import type { Rooms } from '../net/rooms';
import type { Swarm } from '../net/swarm';
import type { AuthorNames } from '../registry/authorNames';
import type { Authors } from '../registry/authors';
import type { Catalog } from '../registry/catalog';
import type { Library } from '../registry/library';
import type { Registry } from '../registry/registry';
import type { Settings } from '../settings';
import type { IdentityState } from '../state';
import type { Store } from '../store/store';
import type { Seeder } from '../transfer/seeder';
import type { LocalOllama } from './localOllama';

/** The parts that flows are made of. Each flow takes the ones it names. */
export interface EngineParts {
  readonly store: Store;
  readonly keys: KeyPair;
  readonly identity: () => IdentityState;
  readonly authors: Authors;
  readonly names: AuthorNames;
  readonly settings: () => Settings;
  readonly registry: Registry;
  readonly library: Library;
  readonly catalog: Catalog;
  readonly swarm: Swarm;
  readonly rooms: Rooms;
  readonly seeder: Seeder;
  readonly ollama: LocalOllama;
  readonly uriScheme: string;
  readonly log: Logger;
}
