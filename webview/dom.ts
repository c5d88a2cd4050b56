// The only place that makes elements. Text goes in as text nodes, and no attribute that can run or fetch something is
// in the list, so what a peer wrote stays text wherever it lands.

type Attribute =
  | 'class'
  | 'id'
  | 'role'
  | 'dir'
  | 'tabindex'
  | 'title'
  | 'hidden'
  | 'slot'
  | 'scope'
  | `aria-${string}`
  | `data-${string}`;

export type Attributes = { readonly [K in Attribute]?: string | number | boolean | undefined };
export type Child = Node | string | undefined;

/** `true` sets an attribute without a value, `false` and `undefined` leave it out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  element.append(...present(children));
  return element;
}

export function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
}

/** Replaces what is inside. */
export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(...present(children));
}

/** What somebody else wrote: set apart, so that its direction can't reorder the words around it. */
export function foreign(value: string, className?: string): HTMLElement {
  return el('bdi', { class: className, dir: 'auto' }, value);
}

/** `author/name` with the author dimmed, so that the eye finds the name. */
export function adapterName(name: string): HTMLElement {
  const slash = name.indexOf('/') + 1;
  return el(
    'bdi',
    { class: 'name', title: name },
    el('span', { class: 'author' }, name.slice(0, slash)),
    name.slice(slash),
  );
}

/** Gives the focus to what came late, unless the user is somewhere else by now: on the page, or in another part of the editor. */
export function focusIfIdle(element: HTMLElement): void {
  if (document.hasFocus() && document.activeElement === document.body) element.focus();
}

/** Only for screen readers. */
export function spoken(value: string): HTMLElement {
  return el('span', { class: 'spoken' }, value);
}

/** Changes the text only when it is another, so that a live region does not speak twice. */
export function setText(element: Element, value: string): void {
  if (element.textContent !== value) element.textContent = value;
}

function present(children: readonly Child[]): (Node | string)[] {
  return children.filter((child) => child !== undefined && child !== '') as (Node | string)[];
}
