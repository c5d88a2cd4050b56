import { dirname } from 'node:path';
import type { EngineState, LibraryState, SharedState } from '../../engine/state';
import type { OllamaAdapterState } from '../../engine/deployWishes';
import type { FoundAdapter } from '../../engine/wishes';
import { countHolders, factLines, joinKnown, shortFacts } from '../facts';
import { t } from '../l10n';
import { roomLook } from '../roomWords';
import { elementId } from '../targets';
import { peerText } from '../text';
import type { Branch } from './branch';

/** Adapters of this machine that the user neither shared nor downloaded. */
export interface MachineFinds {
  /** In the run folders of the workspace; `label` is the path below the workspace folder. */
  readonly folders: readonly (FoundAdapter & { readonly label: string })[];
  /** Adapters inside models of Ollama, whoever made them. */
  readonly models: readonly OllamaAdapterState[];
}

export const NO_FINDS: MachineFinds = { folders: [], models: [] };

/** Mine, what came from peers, and what lies around. Sections without anything are left out. */
export function libraryBranches(state: EngineState, finds: MachineFinds): Branch[] {
  const installed = new Set(state.library.flatMap((adapter) => adapter.models.map(untagged)));
  // What is shared is named by its weights, a run folder by itself.
  const shared = new Set(state.shared.flatMap(({ path }) => [path, dirname(path)]));
  const found = [
    ...finds.folders.filter(({ path }) => !shared.has(path)).map(foundBranch),
    ...finds.models.filter(({ model }) => !installed.has(untagged(model))).map(modelBranch),
  ];
  const sections = [
    section(
      'shared',
      t('Shared by me'),
      state.shared.map((adapter) => sharedBranch(adapter, state)),
    ),
    section('downloaded', t('Downloaded'), [...state.library].sort(newestFirst).map(downloadedBranch)),
    section('found', t('Found on this machine'), found),
  ].filter((branch) => branch !== undefined);
  // An empty list lets the welcome text of the view say it instead.
  return state.ollama && !state.ollama.isReachable && sections.length > 0
    ? [...sections, ollamaDownBranch(state.ollama.url)]
    : sections;
}

function section(name: string, label: string, children: readonly Branch[]): Branch | undefined {
  if (children.length === 0) return undefined;
  const icon = { shared: 'cloud-upload', downloaded: 'cloud-download', found: 'folder-library' }[name] ?? 'folder';
  return {
    id: `section:${name}`,
    label,
    description: String(children.length),
    icon,
    context: 'section',
    tooltip: label,
    isExpanded: true,
    children,
  };
}

function sharedBranch(adapter: SharedState, state: EngineState): Branch {
  const rooms = adapter.rooms.map((id) => {
    const room = state.rooms.find((one) => one.id === id);
    return room ? roomLook(room).label : id;
  });
  const holders = adapter.holders > 0 ? countHolders(adapter.holders) : undefined;
  const problem = {
    serving: undefined,
    off: t('not served'),
    changed: t('changed since it was shared'),
    missing: t('file is gone'),
  }[adapter.phase];
  const isBroken = adapter.phase === 'changed' || adapter.phase === 'missing';
  return {
    id: elementId.shared(adapter.id),
    label: peerText(adapter.name),
    description: problem ?? joinKnown([rooms.join(', '), holders]),
    icon: isBroken ? 'warning' : 'layers-active',
    color: isBroken ? 'list.warningForeground' : 'charts.blue',
    context: `shared.${adapter.phase}`,
    tooltip: [
      ...factLines(adapter),
      `${t('Rooms')}: ${rooms.join(', ')}`,
      peerText(adapter.path, 300),
      ...(isBroken ? ['', t('It is not served as it is. Share it again.')] : []),
    ].join('\n'),
    command: { id: 'loraSwarm.openAdapter', argument: { id: adapter.id } },
  };
}

function downloadedBranch(adapter: LibraryState): Branch {
  const models = adapter.models.map((model) => peerText(model));
  const isInstalled = models.length > 0;
  return {
    id: elementId.downloaded(adapter.id),
    label: peerText(adapter.name),
    description: joinKnown([
      adapter.isRevoked ? t('revoked') : undefined,
      isInstalled ? t('in Ollama as {0}', models.join(', ')) : shortFacts(adapter),
    ]),
    icon: adapter.isRevoked ? 'warning' : 'layers-active',
    ...(adapter.isRevoked ? { color: 'list.warningForeground' } : isInstalled ? { color: 'testing.iconPassed' } : {}),
    context: isInstalled ? 'downloaded.installed' : 'downloaded.plain',
    tooltip: [...factLines(adapter), ...models.map((model) => `Ollama: ${model}`), peerText(adapter.path, 300)].join(
      '\n',
    ),
    command: { id: 'loraSwarm.openAdapter', argument: { id: adapter.id } },
  };
}

function foundBranch(found: MachineFinds['folders'][number]): Branch {
  return {
    id: elementId.found(found.path),
    label: peerText(found.label, 120),
    description: shortFacts(found),
    icon: 'layers',
    context: 'found.adapter',
    tooltip: joinKnown([peerText(found.path, 300), found.format.toUpperCase(), peerText(found.baseModel)], '\n'),
    command: { id: 'loraSwarm.inspect', argument: elementId.found(found.path) },
  };
}

function modelBranch({ target, model, digest, base, isOurs }: OllamaAdapterState): Branch {
  // The second adapter of a model and those after it say which they are.
  const place = /#(\d{1,2})$/.exec(target)?.[1];
  const plain = peerText(untagged(model));
  const name = place === undefined ? plain : `${plain} #${place}`;
  const over = base === undefined ? t('its base is gone') : t('adapter over {0}', peerText(base));
  return {
    id: elementId.ollama(target),
    label: `Ollama: ${name}`,
    description: over,
    icon: 'layers',
    context: isOurs ? 'model.ours' : 'model.other',
    tooltip: joinKnown([peerText(model), over, peerText(digest)], '\n'),
    command: { id: 'loraSwarm.inspect', argument: elementId.ollama(target) },
  };
}

const untagged = (model: string): string => model.replace(/:latest$/, '');

function ollamaDownBranch(url: string): Branch {
  return {
    id: 'ollama',
    label: t('Ollama does not answer'),
    description: t('downloading works without it'),
    icon: 'warning',
    color: 'list.warningForeground',
    context: 'ollama.down',
    tooltip: t('Nothing answers at {0}. Start Ollama, or change the address.', peerText(url, 120)),
  };
}

function newestFirst(a: LibraryState, b: LibraryState): number {
  return b.addedAt - a.addedAt || (a.id < b.id ? -1 : 1);
}
