import {
  isSameQuery,
  MAX_LIST_LIMIT,
  type AdapterEntry,
  type PanelEngine,
  type PanelModel,
  type PanelQuery,
  type ToPanel,
} from '../src/shared/panelProtocol';
import { progressRing } from './components';
import { el, fill, setText } from './dom';
import { emptyKind, emptyPage } from './emptyExplore';
import { EntryPages } from './entryPages';
import { downloadOf, drawEntryRow } from './entryRow';
import { Filters } from './filters';
import { ListView } from './listView';
import type { ExplorePlace, Page, Shell } from './page';

/** After a change of the catalog. Rooms full of people change all the time; reading works better than flicker. */
const REFRESH_MS = 1_000;
const SAVE_MS = 200;

/** Search over everything that the rooms offer. */
export class ExplorePage implements Page {
  readonly element: HTMLElement;
  readonly #filters: Filters;
  readonly #list: ListView<AdapterEntry>;
  readonly #pages = new EntryPages();
  readonly #count = el('p', { class: 'count', role: 'status' });
  readonly #empty = el('div', { class: 'empty' });
  #query: PanelQuery;
  #place: ExplorePlace | undefined;
  #total: number | undefined;
  #shown: readonly [number, number] = [0, 1];
  #revision: number | undefined;
  #wantsFocus = false;
  #refreshing = 0;
  #saving = 0;
  #transfers = '';

  constructor(private readonly shell: Shell) {
    const { words } = shell;
    this.#place = shell.place();
    this.#query = this.#place?.query ?? {};
    this.#filters = new Filters(words, this.#query, (query) => this.#search(query));
    this.#filters.onLeaveDown(() => this.#list.element.focus());
    this.#list = new ListView<AdapterEntry>({
      label: words.text('adapters'),
      help: words.text('listHelp'),
      item: (index) => this.#pages.get(index),
      render: (row, entry) => drawEntryRow(shell.words, row, entry, entry && downloadOf(shell.engine(), entry.id)),
      onOpen: ({ id }) => {
        this.#savePlace();
        shell.post({ type: 'open', page: { page: 'adapter', id } });
      },
      onShow: (first, last) => {
        this.#shown = [first, last];
        this.#ask(this.#pages.missing(first, last));
        this.#savePlaceSoon();
      },
    });
    this.element = el(
      'section',
      { class: 'page explore', 'aria-label': words.text('explore') },
      el('h1', { class: 'spoken' }, words.text('explore')),
      this.#filters.element,
      this.#count,
      this.#list.element,
      this.#empty,
    );
    this.#drawEmpty();
    this.#filters.setModels(plainNames(shell.models()));
    const engine = shell.engine();
    if (engine) this.#drawEngine(engine);
    this.#ask(this.#pages.missing(0, 1));
  }

  receive(message: ToPanel): void {
    if (message.type === 'list') this.#takeList(message);
    else if (message.type === 'engine') this.#drawEngine(message.engine);
    else if (message.type === 'models') this.#filters.setModels(plainNames(message.models));
    else if (message.type === 'problem') this.#pages.forgetAsked();
  }

  focus(): void {
    // Coming back, the list is where the user was. It can take the focus once it has rows.
    this.#wantsFocus = this.#place !== undefined;
    if (!this.#wantsFocus) this.#filters.focus();
  }

  dispose(): void {
    this.#savePlace();
    clearTimeout(this.#refreshing);
    clearTimeout(this.#saving);
    this.#filters.dispose();
    this.#list.dispose();
  }

  #search(query: PanelQuery): void {
    if (isSameQuery(query, this.#query)) return;
    this.#query = query;
    this.#place = undefined;
    this.#total = undefined;
    this.#pages.clear();
    this.#list.element.setAttribute('aria-busy', 'true');
    this.#ask(this.#pages.missing(0, 1));
    this.#savePlace();
  }

  #ask(offsets: readonly number[]): void {
    for (const offset of offsets) this.shell.post({ type: 'list', query: this.#query, offset, limit: MAX_LIST_LIMIT });
  }

  #takeList(message: ToPanel & { readonly type: 'list' }): void {
    if (!isSameQuery(message.query, this.#query)) return; // The user typed on.
    this.#pages.put(message.offset, message.adapters, this.#shown[0]);
    const isFirst = this.#total === undefined;
    this.#total = message.total;
    this.#list.element.removeAttribute('aria-busy');
    if (isFirst) this.#list.reset(message.total, this.#place?.active, this.#place?.scrollTop);
    else this.#list.refresh(message.total);
    setText(this.#count, this.shell.words.count('adapters', message.total));
    this.#drawEmpty();
    if (this.#wantsFocus && document.activeElement === document.body) this.#list.element.focus();
    this.#wantsFocus = false;
  }

  #drawEngine(engine: PanelEngine): void {
    this.#filters.setRooms(engine.rooms);
    if (this.#revision !== undefined && this.#revision !== engine.catalogRevision) this.#refreshSoon();
    this.#revision = engine.catalogRevision;
    if (this.#total === 0) this.#drawEmpty();
    const transfers = JSON.stringify(engine.transfers.map(({ id, phase, bytesDone }) => [id, phase, bytesDone]));
    if (transfers !== this.#transfers && this.#total !== undefined) this.#list.refresh(this.#total);
    this.#transfers = transfers;
  }

  #refreshSoon(): void {
    this.#refreshing ||= setTimeout(() => {
      this.#refreshing = 0;
      this.#ask(this.#pages.refresh(...this.#shown));
    }, REFRESH_MS);
  }

  /** A page without rows says what to do next. */
  #drawEmpty(): void {
    const isEmpty = this.#total === undefined || this.#total === 0;
    this.#list.element.hidden = isEmpty;
    this.#count.hidden = isEmpty;
    this.#empty.hidden = !isEmpty;
    if (!isEmpty) return;
    const { text } = this.shell.words;
    if (this.#total === undefined) {
      fill(this.#empty, progressRing(), el('p', {}, text('loading')));
      return;
    }
    const key = emptyKind(this.#query, this.shell.engine());
    if (this.#empty.dataset['kind'] === key && this.#empty.childElementCount > 1) return; // Keeps the focus on a button.
    this.#empty.dataset['kind'] = key;
    fill(this.#empty, ...emptyPage(this.shell, key, () => this.#clearFilters()));
  }

  #clearFilters(): void {
    this.#filters.set({});
    this.#search({});
    this.#filters.focus();
  }

  /** The editor ends a hidden page without a word, so the place is kept as the user moves. */
  #savePlaceSoon(): void {
    clearTimeout(this.#saving);
    this.#saving = setTimeout(() => this.#savePlace(), SAVE_MS);
  }

  #savePlace(): void {
    this.shell.savePlace({ query: this.#query, active: this.#list.active, scrollTop: this.#list.scrollTop });
  }
}

/** A model that carries an adapter is no base for another one. */
function plainNames(models: readonly PanelModel[]): string[] {
  return models.filter(({ base }) => base === undefined).map(({ name }) => name);
}
