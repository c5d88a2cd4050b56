import { MAX_SEARCH_LENGTH } from '../src/shared/panelFields';
import type { PanelQuery, RoomState } from '../src/shared/panelProtocol';
import { button, dropdown, labelButton, textField, type Choice } from './components';
import { el, setAttributes } from './dom';
import type { Words } from './words';

/** Inclusive ranges. The usual ranks are powers of two; the edges stand between them. */
const RANKS: readonly (readonly [number | undefined, number | undefined])[] = [
  [undefined, 8],
  [9, 16],
  [17, 64],
  [65, undefined],
];
const SIZES: readonly number[] = [10e6, 50e6, 250e6, 1e9];
/** A pause in typing. Shorter asks for every letter, longer feels slow. */
const TYPING_MS = 150;

/** The search box and the filters under it; together they are one query. */
export class Filters {
  readonly element: HTMLElement;
  readonly #search;
  readonly #base;
  readonly #fits;
  readonly #rank;
  readonly #size;
  readonly #room;
  readonly #toggle: HTMLElement;
  readonly #more: HTMLElement;
  #typing = 0;
  #isOpen = false;

  constructor(
    private readonly words: Words,
    query: PanelQuery,
    private readonly onChange: (query: PanelQuery) => void,
  ) {
    const { text } = words;
    const onInput = (): void => this.#changedByTyping();
    const onPick = (): void => this.#changed();
    this.#search = textField({
      label: text('search'),
      placeholder: text('searchHint'),
      maxLength: MAX_SEARCH_LENGTH,
      icon: 'search',
      onInput,
    });
    this.#base = textField({
      label: text('filterBase'),
      placeholder: text('filterBaseHint'),
      maxLength: MAX_SEARCH_LENGTH,
      onInput,
    });
    this.#fits = dropdown({ label: text('filterFits'), choices: this.#fitChoices([]), onChange: onPick });
    this.#rank = dropdown({ label: text('filterRank'), choices: this.#rankChoices(), onChange: onPick });
    this.#size = dropdown({ label: text('filterSize'), choices: this.#sizeChoices(), onChange: onPick });
    this.#room = dropdown({ label: text('filterRoom'), choices: this.#roomChoices([]), onChange: onPick });
    this.#toggle = button({ label: text('filters'), icon: 'filter', onPress: () => this.#open(!this.#isOpen) });
    this.#toggle.classList.add('filter-toggle');
    this.#more = el(
      'div',
      { class: 'filters', role: 'group', 'aria-label': text('filters') },
      this.#labelled('filterBase', this.#base.element),
      this.#labelled('filterFits', this.#fits.element),
      this.#labelled('filterRank', this.#rank.element),
      this.#labelled('filterSize', this.#size.element),
      this.#labelled('filterRoom', this.#room.element),
    );
    this.element = el(
      'div',
      { class: 'search', role: 'search' },
      el('div', { class: 'search-row' }, this.#search.element, this.#toggle),
      this.#more,
    );
    this.set(query);
    this.#open(hasFilter(query));
  }

  get query(): PanelQuery {
    const [minRank, maxRank] = RANKS[Number(this.#rank.get() || -1)] ?? [];
    const search = this.#search.get().trim();
    const base = this.#base.get().trim();
    const fits = this.#fits.get();
    const room = this.#room.get();
    const maxBytes = Number(this.#size.get());
    return {
      ...(search && { search }),
      ...(base && { base }),
      ...(fits && { fits }),
      ...(room && { room }),
      ...(minRank !== undefined && { minRank }),
      ...(maxRank !== undefined && { maxRank }),
      ...(maxBytes > 0 && { maxBytes }),
    };
  }

  set(query: PanelQuery): void {
    this.#search.set(query.search ?? '');
    this.#base.set(query.base ?? '');
    this.#fits.set(query.fits ?? '');
    this.#room.set(query.room ?? '');
    this.#size.set(query.maxBytes === undefined ? '' : String(query.maxBytes));
    const rank = RANKS.findIndex(([min, max]) => min === query.minRank && max === query.maxRank);
    this.#rank.set(rank < 0 ? '' : String(rank));
    this.#count(query);
  }

  setModels(names: readonly string[]): void {
    const kept = this.query.fits; // A saved filter outlives the moment in which Ollama has not answered yet.
    this.#fits.setChoices(this.#fitChoices(kept && kept !== '*' && !names.includes(kept) ? [...names, kept] : names));
  }

  setRooms(rooms: readonly RoomState[]): void {
    const kept = this.query.room;
    const choices = this.#roomChoices(rooms);
    this.#room.setChoices(
      kept && !rooms.some(({ id }) => id === kept) ? [...choices, { value: kept, label: kept }] : choices,
    );
  }

  focus(): void {
    this.#search.element.focus();
  }

  /** Ends in the list: the arrow key that leaves the search box. */
  onLeaveDown(leave: () => void): void {
    this.#search.element.addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowDown') return;
      event.preventDefault();
      leave();
    });
  }

  dispose(): void {
    clearTimeout(this.#typing);
  }

  #changedByTyping(): void {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#changed(), TYPING_MS);
  }

  #changed(): void {
    clearTimeout(this.#typing);
    this.#count(this.query);
    this.onChange(this.query);
  }

  #open(isOpen: boolean): void {
    this.#isOpen = isOpen;
    this.#more.hidden = !isOpen;
    setAttributes(this.#toggle, { 'aria-expanded': isOpen ? 'true' : 'false' });
  }

  #count({ search: _, minRank, maxRank, ...rest }: PanelQuery): void {
    const count = Object.keys(rest).length + (minRank === undefined && maxRank === undefined ? 0 : 1);
    const label = this.words.text('filters');
    labelButton(this.#toggle, count > 0 ? `${label} (${this.words.number(count)})` : label, 'filter');
  }

  #labelled(key: 'filterBase' | 'filterFits' | 'filterRank' | 'filterSize' | 'filterRoom', field: HTMLElement) {
    // The field has the same words as its `aria-label`, so the visible ones are not read twice.
    return el('div', { class: 'filter' }, el('span', { 'aria-hidden': 'true' }, this.words.text(key)), field);
  }

  #fitChoices(models: readonly string[]): Choice[] {
    return [
      { value: '', label: this.words.text('fitsEverything') },
      { value: '*', label: this.words.text('fitsMine') },
      ...models.map((name) => ({ value: name, label: name })),
    ];
  }

  #rankChoices(): Choice[] {
    const { text } = this.words;
    const label = (min?: number, max?: number): string => {
      if (min === undefined) return text('rankUpTo', max ?? 0);
      return max === undefined ? text('rankFrom', min) : text('rankBetween', min, max);
    };
    return [
      { value: '', label: text('anyRank') },
      ...RANKS.map(([min, max], index) => ({ value: String(index), label: label(min, max) })),
    ];
  }

  #sizeChoices(): Choice[] {
    return [
      { value: '', label: this.words.text('anySize') },
      ...SIZES.map((size) => ({ value: String(size), label: this.words.text('sizeUpTo', this.words.bytes(size)) })),
    ];
  }

  #roomChoices(rooms: readonly RoomState[]): Choice[] {
    return [{ value: '', label: this.words.text('allRooms') }, ...rooms.map(({ id, label }) => ({ value: id, label }))];
  }
}

/** Whether anything but the search text narrows the list. */
export function hasFilter({ search: _, ...rest }: PanelQuery): boolean {
  return Object.keys(rest).length > 0;
}
