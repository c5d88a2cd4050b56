import { el } from './dom';
import type { Field } from './components';

// Fields that the toolkit has not, or has too heavy: plain elements of the browser in the theme's colours.

export interface TextAreaOptions {
  readonly label: string;
  readonly placeholder: string;
  readonly maxLength: number;
  readonly onInput: () => void;
  /** Ctrl+Enter, or Cmd+Enter. */
  readonly onSubmit: () => void;
}

export function textArea(options: TextAreaOptions): Field<string> {
  const area = document.createElement('textarea');
  area.rows = 4;
  area.maxLength = options.maxLength;
  area.placeholder = options.placeholder;
  area.dir = 'auto';
  area.addEventListener('input', options.onInput);
  area.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    options.onSubmit();
  });
  const element = el('label', { class: 'field' }, el('span', {}, options.label), area);
  return { element, get: () => area.value, set: (value) => void (area.value = value) };
}

export interface NumberOptions {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number | 'any';
  readonly onInput: () => void;
}

/** @returns A field whose value is `undefined` while what is written is no number between the limits. */
export function numberField(options: NumberOptions): Field<number | undefined> {
  const input = numberInput(options);
  input.addEventListener('input', options.onInput);
  const element = el('label', { class: 'field' }, el('span', {}, options.label), input);
  return { element, get: () => valueOf(input), set: (value) => show(input, value) };
}

export interface WeightOptions {
  readonly label: string;
  /** What the number field takes. The slider spans the usual part of it, -1 to 2. */
  readonly limit: number;
  readonly value: number;
  readonly onInput: () => void;
}

/** A slider for the usual weights and a number for all of them; each follows the other. */
export function weightField(options: WeightOptions): Field<number | undefined> {
  const slider = document.createElement('input');
  Object.assign(slider, { type: 'range', min: '-1', max: '2', step: '0.05' });
  slider.setAttribute('aria-label', options.label);
  const number = numberInput({ ...options, min: -options.limit, max: options.limit, step: 'any' });
  number.setAttribute('aria-label', options.label);
  const set = (value: number | undefined): void => {
    show(number, value);
    slider.value = String(value ?? 1);
  };
  slider.addEventListener('input', () => {
    show(number, Number(slider.value));
    options.onInput();
  });
  number.addEventListener('input', () => {
    const value = valueOf(number);
    if (value !== undefined) slider.value = String(value);
    options.onInput();
  });
  set(options.value);
  return { element: el('span', { class: 'weight' }, slider, number), get: () => valueOf(number), set };
}

function numberInput({ min, max, step }: Pick<NumberOptions, 'min' | 'max' | 'step'>): HTMLInputElement {
  const input = document.createElement('input');
  Object.assign(input, { type: 'number', min: String(min), max: String(max), step: String(step) });
  return input;
}

function valueOf(input: HTMLInputElement): number | undefined {
  return input.value !== '' && input.checkValidity() ? input.valueAsNumber : undefined;
}

function show(input: HTMLInputElement, value: number | undefined): void {
  input.value = value === undefined ? '' : String(value);
}
