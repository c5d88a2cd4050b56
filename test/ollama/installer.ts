import { mkdir, rm } from 'node:fs/promises';
import { silentLog } from '../../src/engine/log';
import type { InstallRequest, InstallResult } from '../../src/engine/deployWishes';
import { installTarget } from '../../src/engine/flows/install';
import { payloadOf, readParts, type InstallFlowParts } from '../../src/engine/flows/installParts';
import { LocalOllama } from '../../src/engine/flows/localOllama';
import { tidyUp } from '../../src/engine/ollama/install/endWork';
import { installAdapter, type Installed } from '../../src/engine/ollama/install/install';
import { readBase } from '../../src/engine/ollama/models';
import { Authors } from '../../src/engine/registry/authors';
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
  /** Puts an adapter file in the place of the model `model` that was made here. */
  update(model: string, target: string, base: string): Promise<Installed>;
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
    authors: new Authors({ statements: store.statements, log: silentLog }),
    identity: () => ({ key: 'ab'.repeat(32), fingerprint: '', name: 'ana' }),
    log: silentLog,
  };
  return {
    store,
    ollama,
    parts,
    install: (request) => installTarget(parts, request),
    update: (model, target, base) => update(parts, model, target, base),
    tidy: () => tidyUp({ ...ollama.installParts, log: silentLog }),
    close: async () => {
      await ollama.close();
      catalog.close();
      await store.close();
    },
  };
}

async function update(parts: InstallFlowParts, model: string, target: string, base: string): Promise<Installed> {
  const scratch = parts.store.temporaryPath();
  await mkdir(scratch);
  try {
    const adapters = await readParts([{ target: { path: target }, weight: 1 }]);
    const { ollama } = parts;
    const found = await readBase(ollama.client, base);
    return await installAdapter(ollama.installParts, {
      sources: payloadOf(adapters, found, scratch),
      ...{ isOwn: true, adapterId: '', author: 'ana', name: 'x', prefix: 'p2p', replaces: model, base: found },
      ...{ route: 'auto', isCostConfirmed: false },
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
