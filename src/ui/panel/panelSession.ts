import { inspect } from 'node:util';
import { hasCode, isAbort, LoraSwarmError } from '../../engine/errors';
import { DisposableStore, type Disposable } from '../../engine/lifecycle';
import type { Logger } from '../../engine/log';
import type { EngineState } from '../../engine/state';
import type { AdapterDetails, ListRequest, LocalModel } from '../../engine/wishes';
import {
  isSameQuery,
  parseFromPanel,
  type FromPanel,
  type PanelModel,
  type PanelPage,
  type PanelQuery,
  type ToPanel,
} from '../../shared/panelProtocol';
import type { EngineHandle } from '../engineHandle';
import { engineText } from '../engineText';
import { t } from '../l10n';
import { isModelName } from '../../shared/panelFields';
import { adapterName, peerText } from '../text';
import { CompareDesk } from './compareDesk';
import { MergeDesk, type MergeDeskParts } from './mergeDesk';
import { COMMANDS, type PanelCommand } from './panelCommands';
import { panelTexts, plainCheck, plainDetails, plainEntry, plainRoom, plainTransfer } from './panelText';
import { TransferDesk } from './transferDesk';

export interface PanelSessionParts extends Pick<
  MergeDeskParts,
  'places' | 'findAdapters' | 'pickAdapter' | 'pickFolder'
> {
  readonly engine: Pick<EngineHandle, 'wish' | 'state' | 'onDidChangeState'>;
  readonly log: Logger;
  /** BCP 47 tag of the editor's language. */
  readonly language: string;
  readonly post: (message: ToPanel) => void;
  readonly run: (command: PanelCommand) => void;
  readonly copy: (text: string) => void;
  /** Names the editor tab. */
  readonly setTitle: (title: string) => void;
}

/**
 * What stands behind one panel: takes its intents, asks the engine, posts slices of the state.
 *
 * Nothing is posted before the page said `ready`, and after `pause` not until it says so again: the editor throws a
 * hidden page away, and the page asks anew when it comes back.
 */
export class PanelSession implements Disposable {
  readonly #owned = new DisposableStore();
  #isReady = false;
  #page: PanelPage;
  /** Ends the wishes of a page that the user has left. */
  #visit = new AbortController();
  #listing: { readonly query: PanelQuery; readonly abort: AbortController } | undefined;
  #doctor: AbortController | undefined;
  #adapterKey = '';
  /** What the page of an adapter shows. */
  #adapter: { readonly details: AdapterDetails; readonly connected: number } | undefined;
  #title = '';
  readonly #compare: CompareDesk;
  readonly #merge: MergeDesk;
  readonly #transfer: TransferDesk;

  constructor(
    private readonly parts: PanelSessionParts,
    page: PanelPage,
  ) {
    this.#page = page;
    const explain = (error: unknown): string => this.#explain(error);
    this.#compare = new CompareDesk({
      engine: parts.engine,
      post: (message) => this.#postTo('compare', message),
      explain,
    });
    this.#merge = new MergeDesk({ ...parts, post: (message) => this.#postTo('merge', message), explain });
    this.#transfer = new TransferDesk({
      engine: parts.engine,
      post: (message) => this.#postTo('transfer', message),
      explain,
      name: (name, id) => this.#nameTab(name, id),
    });
    this.#owned.add(parts.engine.onDidChangeState((state) => this.#onState(state)));
  }

  get page(): PanelPage {
    return this.#page;
  }

  /** Goes to a page, also from outside. */
  open(page: PanelPage): void {
    this.#leave();
    // Out of sight for a while it may go on; for another page it is given up.
    if (page.page !== 'compare') this.#compare.stop();
    if (page.page !== 'merge') this.#merge.stop();
    this.#page = page;
    this.#title = pageTitle(page);
    this.parts.setTitle(this.#title);
    if (this.#isReady) this.#showPage();
  }

  /** The page is hidden: it is gone until it says `ready` again. */
  pause(): void {
    this.#isReady = false;
    this.#leave();
  }

  /** Takes anything the webview posts. */
  receive(value: unknown): void {
    const intent = parseFromPanel(value);
    if (!intent) {
      this.parts.log.debug('The panel posted something that is not an intent; ignored.');
      return;
    }
    this.#follow(intent);
  }

  dispose(): void {
    this.pause();
    this.#compare.stop();
    this.#merge.stop();
    this.#owned.dispose();
  }

  #follow(intent: FromPanel): void {
    switch (intent.type) {
      case 'ready':
        this.#isReady = true;
        this.parts.post({ type: 'texts', language: this.parts.language, texts: panelTexts() });
        this.#showPage();
        return;
      case 'open':
        this.open(intent.page);
        return;
      case 'list':
        void this.#list(intent);
        return;
      case 'doctor':
        void this.#runDoctor();
        return;
      case 'run':
        this.parts.run(COMMANDS[intent.action]);
        return;
      case 'copyId':
        this.parts.copy(intent.id);
        return;
      case 'compare':
        void this.#compare.start(intent);
        return;
      case 'stopCompare':
        this.#compare.stop();
        return;
      case 'merge':
        void this.#merge.start(intent);
        return;
      case 'stopMerge':
        this.#merge.stop();
        return;
      case 'browseAdapter':
        void this.#merge.browse();
        return;
      case 'mergeResult':
        this.#merge.follow(intent.action);
        return;
      case 'moveDownload':
        void this.#transfer.move(intent);
        return;
      default:
        // The engine's verbs have commands of their own: they ask, show progress and report failure for every shell part.
        this.parts.run({ ...COMMANDS[intent.type], argument: intent.id });
    }
  }

  #showPage(): void {
    this.#postEngine(this.parts.engine.state);
    this.parts.post({ type: 'page', page: this.#page });
    // Said once: from now on the page itself remembers the room, or that the user looked elsewhere.
    if (this.#page.page === 'explore') this.#page = { page: 'explore' };
    switch (this.#page.page) {
      case 'explore':
        void this.#findModels();
        return;
      case 'adapter':
        this.#adapterKey = adapterKey(this.parts.engine.state, this.#page.id);
        void this.#loadAdapter(this.#page.id);
        return;
      case 'transfer':
        void this.#transfer.follow(this.#page, this.#visit.signal);
        return;
      case 'compare':
        this.#compare.show();
        void this.#findModels();
        return;
      case 'merge':
        void this.#merge.show(this.#page.parts ?? [], this.#visit.signal);
        return;
      case 'doctor':
        void this.#runDoctor();
    }
  }

  /** What a page's own work has to say, while that page is what the user sees. */
  #postTo(page: PanelPage['page'], message: ToPanel): void {
    if (this.#isReady && this.#page.page === page) this.parts.post(message);
  }

  #nameTab(name: string, id: string): void {
    const title = adapterName(name, id);
    if (title === this.#title) return;
    this.#title = title;
    this.parts.setTitle(title);
  }

  #leave(): void {
    this.#adapter = undefined;
    this.#visit.abort();
    this.#visit = new AbortController();
    this.#listing?.abort.abort();
    this.#listing = undefined;
    this.#doctor?.abort();
    this.#doctor = undefined;
  }

  #onState(state: EngineState): void {
    if (!this.#isReady) return;
    this.#postEngine(state);
    if (this.#page.page !== 'adapter') return;
    const key = adapterKey(state, this.#page.id);
    if (key === this.#adapterKey) {
      this.#followSources(state);
      return;
    }
    this.#adapterKey = key;
    void this.#loadAdapter(this.#page.id);
  }

  /** Peers come and go all the time; for that alone the adapter is not read again. */
  #followSources(state: EngineState): void {
    const shown = this.#adapter;
    if (!shown || shown.connected === connectedOf(state, shown.details)) return;
    this.#postAdapter(shown.details);
  }

  #postAdapter(details: AdapterDetails): void {
    const connected = connectedOf(this.parts.engine.state, details);
    this.#adapter = { details, connected };
    this.parts.post({ type: 'adapter', id: details.id, details, connected });
  }

  #postEngine(state: EngineState): void {
    const { network, ollama, catalogRevision } = state;
    this.parts.post({
      type: 'engine',
      engine: {
        network,
        rooms: state.rooms.map(plainRoom),
        transfers: state.transfers.map(plainTransfer),
        peerCount: state.peers.length,
        catalogRevision,
        ...(ollama && { ollama }),
      },
    });
  }

  async #list({ query, offset, limit }: FromPanel & { readonly type: 'list' }): Promise<void> {
    if (!this.#listing || !isSameQuery(this.#listing.query, query)) {
      this.#listing?.abort.abort(); // The user typed on; nobody waits for the old answer.
      this.#listing = { query, abort: new AbortController() };
    }
    const { signal } = this.#listing.abort;
    await this.#ask(signal, async () => {
      const { adapters, total } = await this.parts.engine.wish('list', listRequest(query, offset, limit), { signal });
      if (signal.aborted) return;
      this.parts.post({ type: 'list', query, offset, total, adapters: adapters.map(plainEntry) });
    });
  }

  async #findModels(): Promise<void> {
    const { signal } = this.#visit;
    try {
      const { models } = await this.parts.engine.wish('models', {}, { signal });
      if (!signal.aborted) this.parts.post({ type: 'models', models: models.map(plainModel) });
    } catch (error) {
      if (signal.aborted) return;
      // Ollama may well be off. The filter then offers no names, and the doctor says why.
      this.parts.post({ type: 'models', models: [] });
      if (!isAbort(error)) this.parts.log.debug(`The panel found no local models: ${inspect(error)}`);
    }
  }

  async #loadAdapter(id: string): Promise<void> {
    const { signal } = this.#visit;
    try {
      const details = await this.parts.engine.wish('adapter', { id }, { signal });
      if (signal.aborted) return;
      this.#nameTab(details.name, id);
      this.#postAdapter(plainDetails(details));
    } catch (error) {
      if (signal.aborted) return;
      // Unknown is no failure: an offer of a peer that left, or an old link. The page says so in its own words.
      this.parts.post({ type: 'adapter', id, ...(!hasCode(error, 'ID_UNKNOWN') && { problem: this.#explain(error) }) });
    }
  }

  async #runDoctor(): Promise<void> {
    this.#doctor?.abort();
    const { signal } = (this.#doctor = new AbortController());
    this.parts.post({ type: 'doctor', isRunning: true, checks: [] });
    await this.#ask(signal, async () => {
      const { checks } = await this.parts.engine.wish('doctor', {}, { signal });
      if (!signal.aborted) this.parts.post({ type: 'doctor', isRunning: false, checks: checks.map(plainCheck) });
    });
  }

  /** Runs what a page needs. A failure is said on the page, where the user is looking, not in a notification. */
  async #ask(signal: AbortSignal, wish: () => Promise<void>): Promise<void> {
    try {
      await wish();
    } catch (error) {
      if (signal.aborted || isAbort(error)) return;
      this.parts.post({ type: 'problem', message: this.#explain(error) });
    }
  }

  #explain(error: unknown): string {
    this.parts.log.error(inspect(error));
    const known = error instanceof LoraSwarmError ? engineText(error.message, 400) : '';
    return known || t('Something went wrong in LoRA Swarm. The log has the details.');
  }
}

/** What the editor tab says. The name of an adapter takes its place once it is known and is a plain one. */
export function pageTitle(page: PanelPage): string {
  switch (page.page) {
    case 'explore':
      return t('Explore Adapters');
    case 'adapter':
      return t('Adapter {0}', page.id.slice(0, 8));
    case 'transfer':
      return page.direction === 'download'
        ? t('Download {0}', page.id.slice(0, 8))
        : t('Upload {0}', page.id.slice(0, 8));
    case 'compare':
      return t('Compare Models');
    case 'merge':
      return t('Merge Adapters');
    case 'doctor':
      return t('LoRA Swarm Doctor');
  }
}

function connectedOf(state: EngineState, { sources }: AdapterDetails): number {
  const offering = new Set(sources);
  return state.peers.filter(({ key }) => offering.has(key)).length;
}

/** A name that Ollama would not give is only shown: it comes back in no message. */
function plainModel({ name, adapterOf }: LocalModel): PanelModel {
  return {
    name: peerText(name, 200),
    ...(adapterOf !== undefined && isModelName(adapterOf) ? { base: adapterOf } : {}),
  };
}

function listRequest({ fits, ...query }: PanelQuery, offset: number, limit: number): ListRequest {
  const fitting: Pick<ListRequest, 'fits' | 'fitsAny'> = fits === '*' ? { fitsAny: true } : fits ? { fits } : {};
  return { ...query, ...fitting, offset, limit };
}

/** Changes when the page of an adapter has to be read again. Progress is not in it: that comes with every state. */
function adapterKey(state: EngineState, id: string): string {
  const phases = state.transfers.filter((transfer) => transfer.id === id).map(({ phase }) => phase);
  const models = state.library.find((adapter) => adapter.id === id)?.models;
  const shared = state.shared.find((adapter) => adapter.id === id);
  return JSON.stringify([
    state.catalogRevision,
    phases,
    models,
    shared?.phase,
    shared?.rooms,
    state.ollama?.isReachable,
  ]);
}
