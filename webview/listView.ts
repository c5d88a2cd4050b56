import { el, setAttributes } from './dom';

export interface ListViewOptions<T> {
  readonly label: string;
  /** Read aloud after the label: which keys do what. */
  readonly help: string;
  /** Draws one row. `undefined` is an item that has not come yet. */
  readonly render: (row: HTMLElement, item: T | undefined) => void;
  readonly item: (index: number) => T | undefined;
  readonly onOpen: (item: T) => void;
  /** The rows now in sight, last exclusive; asked after every scroll. */
  readonly onShow: (first: number, last: number) => void;
}

/** Rows above and below that are kept ready, so that fast scrolling does not show gaps. */
const OVERSCAN = 4;

/**
 * A long list of which only the rows in sight exist. One tab stop: the list has the focus and names its active row, as the
 * editor's own lists do.
 */
export class ListView<T> {
  readonly element: HTMLElement;
  readonly #space = el('div', { class: 'list-space', role: 'presentation' });
  readonly #rows = new Map<number, HTMLElement>();
  #size = 0;
  #active = 0;
  #rowHeight = 0;
  #drawing = 0;
  readonly #resized = new ResizeObserver(() => this.#measure());

  constructor(private readonly options: ListViewOptions<T>) {
    this.element = el(
      'div',
      { class: 'list', role: 'listbox', tabindex: 0, 'aria-label': options.label, 'aria-description': options.help },
      this.#space,
    );
    this.element.addEventListener('scroll', () => this.#drawSoon(), { passive: true });
    this.element.addEventListener('keydown', (event) => this.#onKey(event));
    this.element.addEventListener('click', (event) => this.#onClick(event));
    this.#resized.observe(this.element);
  }

  get active(): number {
    return this.#active;
  }

  get scrollTop(): number {
    return this.element.scrollTop;
  }

  /** Another list: back to the top, unless a place to return to is given. */
  reset(size: number, active = 0, scrollTop = 0): void {
    this.#size = size;
    this.#active = Math.min(active, Math.max(0, size - 1));
    this.#clear();
    this.#setHeight();
    this.element.scrollTop = scrollTop;
    this.#draw();
  }

  /** The same list with other items: the place stays. */
  refresh(size: number): void {
    this.#size = size;
    this.#active = Math.min(this.#active, Math.max(0, size - 1));
    this.#setHeight();
    for (const [index, row] of this.#rows) if (index < size) this.#fill(row, index);
    this.#draw();
  }

  dispose(): void {
    this.#resized.disconnect();
    cancelAnimationFrame(this.#drawing);
  }

  /** The height of a row follows the editor's font, so it is read from the page. */
  #measure(): void {
    const probe = el('div', { class: 'row', 'aria-hidden': 'true' });
    this.#space.append(probe);
    const height = Math.round(probe.getBoundingClientRect().height);
    probe.remove();
    if (height === 0) return; // Not in the page, or hidden.
    if (height !== this.#rowHeight) {
      this.#rowHeight = height;
      this.#clear();
      this.#setHeight();
    }
    this.#draw();
  }

  #setHeight(): void {
    this.#space.style.height = `${this.#size * this.#rowHeight}px`;
  }

  #drawSoon(): void {
    this.#drawing ||= requestAnimationFrame(() => {
      this.#drawing = 0;
      this.#draw();
    });
  }

  #draw(): void {
    if (this.#rowHeight === 0) return;
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / this.#rowHeight) - OVERSCAN);
    const last = Math.min(this.#size, Math.ceil((scrollTop + clientHeight) / this.#rowHeight) + OVERSCAN);
    for (const [index, row] of this.#rows) {
      // The active row stays: the list's `aria-activedescendant` has to name something.
      if ((index >= first && index < last) || (index === this.#active && index < this.#size)) continue;
      row.remove();
      this.#rows.delete(index);
    }
    for (let index = first; index < last; index++) this.#ensure(index);
    if (this.#size > 0) this.#ensure(this.#active);
    this.#mark();
    if (last > first) this.options.onShow(first, last);
  }

  #ensure(index: number): void {
    if (this.#rows.has(index)) return;
    const row = el('div', { class: 'row', role: 'option', id: `row-${index}`, 'data-index': index });
    row.style.top = `${index * this.#rowHeight}px`;
    this.#rows.set(index, row);
    this.#fill(row, index);
    this.#space.append(row);
  }

  #fill(row: HTMLElement, index: number): void {
    setAttributes(row, { 'aria-posinset': index + 1, 'aria-setsize': this.#size });
    this.options.render(row, this.options.item(index));
  }

  #mark(): void {
    for (const [index, row] of this.#rows) row.setAttribute('aria-selected', String(index === this.#active));
    setAttributes(this.element, { 'aria-activedescendant': this.#size > 0 ? `row-${this.#active}` : undefined });
  }

  #clear(): void {
    this.#rows.clear();
    this.#space.replaceChildren();
  }

  #onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey || this.#size === 0) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / Math.max(1, this.#rowHeight)) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: this.#active + 1,
      ArrowUp: this.#active - 1,
      PageDown: this.#active + page,
      PageUp: this.#active - page,
      Home: 0,
      End: this.#size - 1,
    };
    const target = moves[event.key];
    if (target !== undefined) this.#activate(target);
    else if (event.key === 'Enter' || event.key === ' ') this.#open(this.#active);
    else return;
    event.preventDefault();
  }

  #onClick(event: MouseEvent): void {
    const row = event.target instanceof Element ? event.target.closest('.row') : null;
    const index = Number(row?.getAttribute('data-index') ?? -1);
    if (index < 0) return;
    this.#activate(index);
    this.#open(index);
  }

  #activate(index: number): void {
    this.#active = Math.max(0, Math.min(this.#size - 1, index));
    const top = this.#active * this.#rowHeight;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.#rowHeight > scrollTop + clientHeight) {
      this.element.scrollTop = top + this.#rowHeight - clientHeight;
    }
    this.#draw();
  }

  #open(index: number): void {
    const item = this.options.item(index);
    if (item !== undefined) this.options.onOpen(item);
  }
}
