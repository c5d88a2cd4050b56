import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeDropdown,
  vsCodeOption,
  vsCodeProgressRing,
  vsCodeTextField,
} from '@vscode/webview-ui-toolkit';
import { el, fill, setAttributes } from './dom';
import { icon, type IconName } from './icons';

// The toolkit is no longer developed. Nothing outside this file knows of it, so replacing it is a matter of this file.

provideVSCodeDesignSystem().register(
  vsCodeButton(),
  vsCodeDropdown(),
  vsCodeOption(),
  vsCodeProgressRing(),
  vsCodeTextField(),
);

export interface ButtonOptions {
  readonly label: string;
  readonly icon?: IconName;
  /** `icon` shows the icon alone; the label is then the tooltip and what a screen reader says. */
  readonly look?: 'primary' | 'secondary' | 'icon';
  readonly onPress: () => void;
}

export function button(options: ButtonOptions): HTMLElement {
  const look = options.look ?? 'secondary';
  const element = make('vscode-button', { appearance: look, 'data-look': look });
  labelButton(element, options.label, options.icon);
  element.addEventListener('click', options.onPress);
  return element;
}

/** Changes what a button says, in place: it keeps the focus. */
export function labelButton(element: HTMLElement, label: string, iconName?: IconName): void {
  if (element.dataset['label'] === label && element.dataset['icon'] === (iconName ?? '')) return;
  element.dataset['label'] = label;
  element.dataset['icon'] = iconName ?? '';
  if (element.dataset['look'] === 'icon') {
    setAttributes(element, { title: label, 'aria-label': label });
    fill(element, iconName && icon(iconName));
    return;
  }
  const start = iconName && icon(iconName);
  start?.setAttribute('slot', 'start');
  fill(element, start, label);
}

/** Which of several buttons is the one to press changes with the state. */
export function setLook(element: HTMLElement, look: 'primary' | 'secondary'): void {
  setAttributes(element, { 'data-look': look });
  if (element.getAttribute('appearance') !== look) element.setAttribute('appearance', look);
}

/** A disabled button that has the focus would lose it to nowhere, so busy buttons stay enabled and say so. */
export function setBusy(element: HTMLElement, isBusy: boolean): void {
  setAttributes(element, { 'aria-disabled': isBusy ? 'true' : undefined, 'aria-busy': isBusy ? 'true' : undefined });
}

/** Stays in the order of the keyboard for the same reason; whoever listens to it looks at `aria-disabled`. */
export function setDisabled(element: HTMLElement, isDisabled: boolean): void {
  setAttributes(element, { 'aria-disabled': isDisabled ? 'true' : undefined });
}

export interface TextFieldOptions {
  readonly label: string;
  readonly placeholder: string;
  readonly maxLength: number;
  readonly icon?: IconName;
  readonly onInput: (value: string) => void;
}

export interface Field<T> {
  readonly element: HTMLElement;
  get(): T;
  set(value: T): void;
}

export function textField(options: TextFieldOptions): Field<string> {
  const element: FieldElement = make('vscode-text-field', {
    placeholder: options.placeholder,
    maxlength: options.maxLength,
    spellcheck: 'false',
  });
  // The toolkit names the field after its content, whatever label it has; the style sheet hides that content.
  element.append(options.label);
  if (options.icon) {
    const start = icon(options.icon);
    start.setAttribute('slot', 'start');
    element.append(start);
  }
  element.addEventListener('input', () => options.onInput(element.value));
  return { element, get: () => element.value, set: (value) => void (element.value = value) };
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export interface DropdownOptions {
  readonly label: string;
  readonly choices: readonly Choice[];
  readonly onChange: (value: string) => void;
}

export interface Dropdown extends Field<string> {
  /** Keeps the chosen value when it is still there, else the first becomes it. */
  setChoices(choices: readonly Choice[]): void;
}

export function dropdown(options: DropdownOptions): Dropdown {
  const element: FieldElement = make('vscode-dropdown', { 'aria-label': options.label });
  let choices: readonly Choice[] = [];
  let shown = '';
  let wanted = options.choices[0]?.value ?? '';
  // Never empty: a fresh dropdown has the value '', and an option with the same would win over the selected one.
  const inside = (value: string): string => `=${value}`;
  const draw = (): void => {
    fill(
      element,
      ...choices.map(({ value, label }) => {
        const option = make('vscode-option', { value: inside(value), title: label });
        if (value === wanted) option.setAttribute('selected', '');
        option.append(el('bdi', {}, label));
        return option;
      }),
    );
  };
  const setChoices = (next: readonly Choice[]): void => {
    const text = JSON.stringify(next);
    if (text === shown) return; // The state comes 4 times a second; an open list must not flicker.
    shown = text;
    choices = next;
    if (!choices.some(({ value }) => value === wanted)) wanted = choices[0]?.value ?? '';
    draw();
  };
  setChoices(options.choices);
  element.addEventListener('change', () => {
    wanted = element.value.slice(1);
    options.onChange(wanted);
  });
  return {
    element,
    get: () => wanted,
    set: (value) => {
      wanted = value;
      if (element.isConnected) element.value = inside(value);
      else draw(); // It takes a value only once it has read its options, which it does in the page.
    },
    setChoices,
  };
}

/** Turns while something is under way. Stands still where the user asked for less motion. */
export function progressRing(): Element {
  const isStill =
    document.body.classList.contains('vscode-reduce-motion') || matchMedia('(prefers-reduced-motion: reduce)').matches;
  return isStill ? icon('circle', 'muted') : make('vscode-progress-ring', { 'aria-hidden': 'true' });
}

/** Fields of the toolkit have a value; the other elements never look at theirs. */
type FieldElement = HTMLElement & { value: string };

function make(tag: string, attributes: Record<string, string | number>): FieldElement {
  const element = document.createElement(tag) as FieldElement;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}
