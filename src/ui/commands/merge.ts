import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { MergedType, MergeIntoBaseResult } from '../../engine/deployWishes';
import type { LocalModel } from '../../engine/wishes';
import { countOf, formatBytes, joinKnown } from '../facts';
import { t } from '../l10n';
import { showDone } from '../notify';
import type { UiParts } from '../parts';
import { withProgress } from '../progress';
import { askPick, askSteps, BACK, LEFT, type Step } from '../steps';
import { elementId, parseTargets, targetPath, type Target } from '../targets';
import { peerText } from '../text';
import { nameOf } from './install';
import { MERGED_TYPES, typeRow } from './mergeTypes';
import { pickHere } from './pickAdapter';
import { pickNewFile } from './pickFile';
import type { Handler } from './register';

export function mergeCommands(parts: UiParts): Record<string, Handler> {
  return {
    merge(clicked, selected) {
      const targets = parseTargets(clicked, selected).map(asTarget);
      const keys = targets.filter((target) => target !== undefined).map((target) => parts.places.keyOf(target));
      parts.openPage({ page: 'merge', ...(keys.length > 0 ? { parts: [...new Set(keys)].slice(0, MAX_START) } : {}) });
    },
    mergeIntoBase: (clicked) => mergeIntoBase(parts, clicked),
    reveal: (clicked) => reveal(clicked),
  };
}

/** As many as the page takes. */
const MAX_START = 16;

interface IntoDraft {
  readonly into: string;
  readonly name: string;
  /** Of the file that would be written. */
  readonly size: string;
  readonly type: MergedType;
}

/** Writes the adapter into a copy of a base: the size is said before a byte is written, and the base stays as it is. */
async function mergeIntoBase(parts: UiParts, clicked: unknown): Promise<MergeIntoBaseResult | undefined> {
  const title = t('Merge into a Base Model');
  const [clickedTarget] = parseTargets(clicked);
  const target = asTarget(clickedTarget) ?? (await pickHere(parts, title));
  if (target === undefined) return undefined;
  const start: IntoDraft = { into: '', name: '', size: '', type: 'keep' };
  const draft = await askSteps(title, start, [baseStep(parts, target), typeStep(parts, target)]);
  if (!draft) return undefined;
  const suggested = `${fileName(draft.name)}-merged`;
  const out = await pickNewFile(t('Merged Model ({0})', draft.size), suggested, 'gguf');
  if (out === undefined) return undefined;

  const result = await withProgress(t('Merging {0} into {1}', nameOf(parts, target), peerText(draft.name)), (options) =>
    parts.engine.wish(
      'mergeIntoBase',
      { parts: [{ target, weight: 1 }], into: draft.into, out, type: draft.type },
      options,
    ),
  );
  sayMerged(parts, result);
  return result;
}

function baseStep(parts: UiParts, target: string): Step<IntoDraft> {
  return async (draft, place) => {
    // Without Ollama there are still files.
    const { models } = await parts.engine.wish('models', {}).catch(() => ({ models: [] as readonly LocalModel[] }));
    const fitting = await parts.engine.wish('verdict', { target }).then(
      ({ base }) => base,
      () => undefined,
    );
    const bases = models
      .filter(({ adapterOf, isOurs }) => adapterOf === undefined && !isOurs)
      .sort((a, b) => Number(b.name === fitting) - Number(a.name === fitting));
    const items = [
      ...bases.map(({ name, architecture, bytes }) => ({
        label: `$(package) ${peerText(name)}`,
        description: joinKnown([peerText(architecture), formatBytes(bytes)]),
        base: { into: name, name },
      })),
      { label: `$(folder-opened) ${t('A GGUF file…')}`, description: '', base: undefined },
    ];
    const answer = await askPick(place, { items, placeholder: t('Base model that the adapter was trained for') });
    if (answer === BACK || answer === LEFT) return answer;
    const base = answer[0]!.base ?? (await pickGguf());
    return base ? { ...draft, ...base } : LEFT;
  };
}

async function pickGguf(): Promise<Pick<IntoDraft, 'into' | 'name'> | undefined> {
  const picked = await vscode.window.showOpenDialog({
    title: t('Merge into a Base Model'),
    openLabel: t('Choose'),
    filters: { GGUF: ['gguf'] },
  });
  const path = picked?.[0]?.fsPath;
  return path === undefined ? undefined : { into: path, name: basename(path, '.gguf') };
}

/** Each type with the size that it gives: planned from headers, so that nothing is written before the user has seen it. */
function typeStep(parts: UiParts, target: string): Step<IntoDraft> {
  return async (draft, place) => {
    const request = { parts: [{ target, weight: 1 }], into: draft.into };
    const plan = (type: MergedType) => parts.engine.wish('planMergeIntoBase', { ...request, type });
    const items = await Promise.resolve(
      vscode.window.withProgress(
        { location: vscode.ProgressLocation.Window, title: t('Looking at the base model') },
        () => Promise.all(MERGED_TYPES.map(async (type) => typeRow(type, await plan(type)))),
      ),
    );
    const answer = await askPick(place, {
      items,
      placeholder: t('A whole model is written. What is not changed is copied byte for byte.'),
      chosen: items.filter(({ type }) => type === draft.type),
    });
    if (answer === BACK || answer === LEFT) return answer;
    const { type, size } = answer[0]!;
    return { ...draft, type, size };
  };
}

function sayMerged(parts: UiParts, result: MergeIntoBaseResult): void {
  const { retyped, path } = result;
  const message = joinKnown(
    [
      t(
        'The merged model is written: {0}, {1} of {2} tensors changed.',
        formatBytes(result.bytes),
        result.changed,
        result.tensors,
      ),
      retyped.length === 0
        ? undefined
        : countOf(retyped.length, t('1 of them has another type now.'), t('{0} of them have another type now.')),
    ],
    ' ',
  );
  void showDone(parts.log, message, { [t('Reveal')]: () => reveal(elementId.found(path)) });
}

/** In the explorer of the window where it has the file, else in that of the system. */
async function reveal(clicked: unknown): Promise<void> {
  const [target] = parseTargets(clicked);
  if (target?.kind !== 'path') return;
  const uri = vscode.Uri.file(target.path);
  const isInside = vscode.workspace.getWorkspaceFolder(uri) !== undefined;
  await vscode.commands.executeCommand(isInside ? 'revealInExplorer' : 'revealFileInOS', uri);
}

function asTarget(target: Target | undefined): string | undefined {
  return target?.kind === 'adapter' ? target.id : targetPath(target);
}

/** A name of a model as part of a file name, on every system. */
function fileName(name: string): string {
  return (
    peerText(name)
      .replace(/:latest$/, '')
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '') || 'model'
  );
}
