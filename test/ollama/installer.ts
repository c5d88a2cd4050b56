import { silentLog } from '../../src/engine/log';
import type { InstallRequest, InstallResult } from '../../src/engine/deployWishes';
import { installTarget } from '../../src/engine/flows/install';
import type { InstallFlowParts } from '../../src/engine/flows/installParts';
import { LocalOllama } from '../../src/engine/flows/localOllama';
import { tidyUp } from '../../src/engine/ollama/endWork';
import { Catalog } from '../../src/engine/registry/catalog';
import { Library } from '../../src/engine/registry/library';
import { Registry } from '../../src/engine/registry/registry';
import { Store } from '../../src/engine/store/store';

/** As much of an engine as an install needs: a real store, no network. */
export interface Installer {
  readonly store: Store;
  readonly ollama: LocalOllama;
  readonly parts: InstallFlowParts;
  install(request: InstallRequest): Promise<InstallResult>;
  /** What an engine does when it first sees Ollama. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

export async function openInstaller(home: string, url: string): Promise<Installer> {
  const store = await Store.open(home);
  const ollama = new LocalOllama({ url: () => url, ollamaHost: undefined, made: store.madeModels, log: silentLog });
  const catalog = new Catalog();
  const parts: InstallFlowParts = {
    store,
    ollama,
    catalog,
    registry: new Registry(store),
    library: new Library(store),
    settings: () => store.settings.all(),
    identity: () => ({ key: 'ab'.repeat(32), fingerprint: '', name: 'ana' }),
    log: silentLog,
  };
  return {
    store,
    ollama,
    parts,
    install: (request) => installTarget(parts, request),
    tidy: () => tidyUp({ ...ollama.installParts, log: silentLog }),
    close: async () => {
      await ollama.close();
      catalog.close();
      await store.close();
    },
  };
}
