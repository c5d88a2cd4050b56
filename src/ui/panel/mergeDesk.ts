import { hasCode, isAbort, LoraSwarmError } from '../../engine/errors';
import type { MergeAdaptersRequest, MergeAdaptersResult } from '../../engine/deployWishes';
import type { AdapterSummary, EngineState } from '../../engine/state';
import type { FoundAdapter } from '../../engine/wishes';
import type { MergeChoice, MergeIntent, MergeResultAction, MergeRun } from '../../shared/mergeProtocol';
import type { ToPanel } from '../../shared/panelProtocol';
import type { EngineHandle } from '../engineHandle';
import { t } from '../l10n';
import { elementId } from '../targets';
import { peerText } from '../text';
import type { MergePlaces } from './mergePlaces';
import type { PanelCommand } from './panelCommands';

/** Choices of one page. Whoever has more searches by folder. */
const MAX_CHOICES = 500;
/** Modules of the largest models, as in the strength of an adapter. */
const MAX_MODULES = 2_048;

export interface MergeDeskParts {
  readonly engine: Pick<EngineHandle, 'wish' | 'state'>;
  readonly post: (message: ToPanel) => void;
  readonly run: (command: PanelCommand) => void;
  readonly explain: (error: unknown) => string;
  readonly places: MergePlaces;
  /** Adapters in the workspace. */
  readonly findAdapters: () => Promise<readonly (FoundAdapter & { readonly label: string })[]>;
  /** Asks for an adapter on the disk. */
  readonly pickAdapter: () => Promise<string | undefined>;
  /** Asks where a merged adapter goes. */
  readonly pickFolder: () => Promise<string | undefined>;
}

/** Knows what can be merged, merges it, and remembers the result. Paths stay on this side. */
export class MergeDesk {
  #choices: readonly MergeChoice[] = [];
  #picked: readonly MergeChoice[] = [];
  #run: MergeRun | undefined;
  #made: string | undefined;
  #abort: AbortController | undefined;

  constructor(private readonly parts: MergeDeskParts) {}

  /** Shows what is known at once, then what the disk and Ollama have. */
  async show(wanted: readonly string[], signal: AbortSignal): Promise<void> {
    this.#choices = this.#ofState(this.parts.engine.state);
    this.#post();
    const isLeft = (): boolean => signal.aborted;
    const [found, inModels] = await Promise.all([
      this.parts.findAdapters().catch(() => []),
      this.parts.engine
        .wish('ollamaAdapters', {}, { signal })
        .then(({ adapters }) => adapters)
        .catch(() => []), // Without Ollama the rest is still there.
    ]);
    if (isLeft()) return;
    this.#choices = distinct([
      ...this.#ofState(this.parts.engine.state),
      ...found.map((one) => this.#ofPath(one, one.label)),
      ...inModels.map(({ target, model, base }) => ({
        key: this.parts.places.keyOf(target),
        name: peerText(model, 200),
        ...(base === undefined ? {} : { baseModel: peerText(base, 200) }),
        bytes: 0,
        place: 'ollama' as const,
      })),
    ]).slice(0, MAX_CHOICES);
    await this.#addMissing(wanted);
    if (!isLeft()) this.#post();
  }

  async browse(): Promise<void> {
    const path = await this.parts.pickAdapter();
    if (path === undefined) return;
    try {
      const choice = await this.#look(path);
      this.#picked = distinct([...this.#picked, choice]);
      this.#post(choice.key);
    } catch (error) {
      this.parts.post({ type: 'problem', message: this.parts.explain(error) });
    }
  }

  async start(intent: MergeIntent & { readonly type: 'merge' }): Promise<void> {
    this.stop();
    const abort = (this.#abort = new AbortController());
    const { signal } = abort;
    const isOver = (): boolean => signal.aborted;
    try {
      const parts = intent.parts.map(({ key, weight }) => ({ target: this.#targetOf(key), weight }));
      const out = await this.parts.pickFolder();
      if (out === undefined || isOver()) return;
      this.#set({ phase: 'running', bytesDone: 0, bytesTotal: 0 });
      const result = await this.parts.engine.wish('mergeAdapters', request(intent, parts, out), {
        signal,
        onProgress: (step) => {
          if (step.kind === 'merge' && !isOver())
            this.#set({ phase: 'running', bytesDone: step.bytesDone, bytesTotal: step.bytesTotal });
        },
      });
      if (isOver()) return;
      this.#made = result.path;
      this.#set({ phase: 'done', bytesDone: result.bytes, bytesTotal: result.bytes, result: plainResult(result) });
    } catch (error) {
      if (isOver()) return;
      this.#set({ phase: isAbort(error) ? 'stopped' : 'failed', bytesDone: 0, bytesTotal: 0 });
      if (!isAbort(error)) this.parts.post({ type: 'problem', message: this.parts.explain(error) });
    } finally {
      if (this.#abort === abort) this.#abort = undefined;
    }
  }

  stop(): void {
    if (!this.#abort) return;
    this.#abort.abort();
    this.#abort = undefined;
    if (this.#run?.phase === 'running') this.#set({ phase: 'stopped', bytesDone: 0, bytesTotal: 0 });
  }

  /** What the user wants of the adapter that was made last. Nothing, when there is none. */
  follow(action: MergeResultAction): void {
    if (this.#made === undefined) return;
    const argument = elementId.found(this.#made);
    switch (action) {
      case 'share':
        this.parts.run({ command: 'loraSwarm.shareResource', argument });
        return;
      case 'install':
        this.parts.run({ command: 'loraSwarm.install', argument });
        return;
      case 'reveal':
        this.parts.run({ command: 'loraSwarm.reveal', argument });
    }
  }

  #targetOf(key: string): string {
    const target = this.parts.places.targetOf(key);
    if (target === undefined)
      throw new LoraSwarmError('ADAPTER_NOT_FOUND', t('One of these adapters is not known any more. Add it again.'));
    return target;
  }

  /** A command may bring adapters that no list has: files that lie somewhere else. */
  async #addMissing(wanted: readonly string[]): Promise<void> {
    for (const key of wanted) {
      const target = this.parts.places.targetOf(key);
      if (target === undefined || [...this.#choices, ...this.#picked].some((choice) => choice.key === key)) continue;
      try {
        this.#picked = [...this.#picked, await this.#look(target)];
      } catch (error) {
        // Offers of peers are no files yet; the page then starts without them.
        if (!hasCode(error, 'ADAPTER_NOT_FOUND'))
          this.parts.post({ type: 'problem', message: this.parts.explain(error) });
      }
    }
  }

  async #look(path: string): Promise<MergeChoice> {
    const found = await this.parts.engine.wish('inspect', { path });
    return this.#ofPath({ ...found, path }, path);
  }

  #ofState({ library, shared }: EngineState): MergeChoice[] {
    return distinct([
      ...shared.map((adapter) => ofSummary(adapter, 'shared')),
      ...library.map((adapter) => ofSummary(adapter, 'downloaded')),
    ]);
  }

  #ofPath(found: Omit<FoundAdapter, 'format'>, name: string): MergeChoice {
    return {
      key: this.parts.places.keyOf(found.path),
      name: peerText(name, 200),
      ...facts(found),
      bytes: found.bytes,
      place: found.path.startsWith('ollama:') ? 'ollama' : 'folder',
    };
  }

  #set(run: MergeRun): void {
    this.#run = run;
    this.#post();
  }

  #post(picked?: string): void {
    this.parts.post({
      type: 'merge',
      merge: {
        choices: distinct([...this.#choices, ...this.#picked]),
        ...(picked === undefined ? {} : { picked }),
        ...(this.#run && { run: this.#run }),
      },
    });
  }
}

function request(
  { method, rank, density, seed }: MergeIntent & { readonly type: 'merge' },
  parts: MergeAdaptersRequest['parts'],
  out: string,
): MergeAdaptersRequest {
  return {
    parts,
    out,
    method,
    ...(method === 'concat' || rank === undefined ? {} : { rank }),
    ...(density !== undefined && (method === 'ties' || method === 'dare') ? { density } : {}),
    ...(seed !== undefined && method === 'dare' ? { seed } : {}),
  };
}

function plainResult({
  path,
  method,
  bytes,
  pairs,
  rank,
  error,
}: MergeAdaptersResult): NonNullable<MergeRun['result']> {
  return {
    path: peerText(path, 600),
    method,
    bytes,
    pairs,
    ...(rank === undefined ? {} : { rank }),
    error: {
      whole: finite(error.whole),
      modules: error.modules
        .slice(0, MAX_MODULES)
        .map((module) => ({ name: peerText(module.name, 200), error: finite(module.error) })),
    },
  };
}

function ofSummary(adapter: AdapterSummary, place: MergeChoice['place']): MergeChoice {
  return { key: adapter.id, name: peerText(adapter.name, 200), ...facts(adapter), bytes: adapter.bytes, place };
}

function facts({ baseModel, rank }: { readonly baseModel?: string; readonly rank?: number }): Partial<MergeChoice> {
  return {
    ...(baseModel === undefined ? {} : { baseModel: peerText(baseModel, 200) }),
    ...(rank === undefined ? {} : { rank }),
  };
}

function distinct(choices: readonly MergeChoice[]): MergeChoice[] {
  return [...new Map(choices.map((choice) => [choice.key, choice])).values()];
}

/** What is not a number is no small error: it counts as a whole one. */
const finite = (value: number): number => (Number.isFinite(value) ? value : 1);
