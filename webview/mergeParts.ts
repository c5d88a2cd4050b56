import { MAX_MERGE_PARTS, MAX_MERGE_WEIGHT, type MergeChoice, type MergePart } from '../src/shared/mergeProtocol';
import type { PanelTexts } from '../src/shared/panelTexts';
import { button, dropdown, type Choice, type Field } from './components';
import { adapterName, el, fill } from './dom';
import { icon } from './icons';
import { weightField } from './inputs';
import type { Words } from './words';

const PLACES: Readonly<Record<MergeChoice['place'], keyof PanelTexts>> = {
  shared: 'isMine',
  downloaded: 'isDownloaded',
  folder: 'placeFolder',
  ollama: 'factModels',
};

interface Row {
  readonly choice: MergeChoice;
  readonly weight: Field<number | undefined>;
  readonly element: HTMLElement;
}

export interface MergePartsOptions {
  readonly words: Words;
  readonly onChange: () => void;
  readonly onBrowse: () => void;
}

/** The adapters that become one, each with its weight, and the way to add another. */
export class MergeParts {
  readonly element: HTMLElement;
  readonly #rows: Row[] = [];
  readonly #list = el('ul', { class: 'parts' });
  readonly #empty = el('p', { class: 'muted' });
  readonly #add;
  #choices: readonly MergeChoice[] = [];
  /** Keys that wait until their adapter is known. */
  #wanted: MergePart[] = [];

  constructor(private readonly options: MergePartsOptions) {
    const { text } = options.words;
    this.#add = dropdown({
      label: text('mergeAddLabel'),
      choices: [{ value: '', label: text('mergeAdd') }],
      onChange: (key) => this.#addByHand(key),
    });
    const browse = button({ label: text('mergeBrowse'), icon: 'folder', onPress: options.onBrowse });
    this.element = el(
      'div',
      { role: 'group', 'aria-label': text('mergeParts'), class: 'merge-parts' },
      this.#list,
      this.#empty,
      el('div', { class: 'actions' }, this.#add.element, browse),
    );
    this.#draw();
  }

  get choices(): MergeChoice[] {
    return this.#rows.map(({ choice }) => choice);
  }

  /** What is chosen; `undefined` while a weight is no number. */
  get parts(): MergePart[] | undefined {
    const parts = this.#rows.map(({ choice, weight }) => ({ key: choice.key, weight: weight.get() }));
    return parts.every((part): part is MergePart => part.weight !== undefined) ? parts : undefined;
  }

  /** Chooses these as soon as they are known. */
  want(parts: readonly MergePart[]): void {
    this.#wanted = [...this.#wanted, ...parts];
    this.#takeWanted();
  }

  setChoices(choices: readonly MergeChoice[]): void {
    this.#choices = choices;
    this.#takeWanted();
    this.#offer();
  }

  #takeWanted(): void {
    const waiting = this.#wanted;
    this.#wanted = waiting.filter((part) => !this.#take(part));
    if (this.#wanted.length < waiting.length) this.#changed();
  }

  #take({ key, weight }: MergePart): boolean {
    const choice = this.#choices.find((one) => one.key === key);
    if (!choice) return false;
    if (this.#rows.length < MAX_MERGE_PARTS && !this.#rows.some((row) => row.choice.key === key))
      this.#rows.push(this.#row(choice, weight));
    return true;
  }

  #addByHand(key: string): void {
    if (key === '') return;
    this.#take({ key, weight: 1 });
    this.#changed();
    this.#add.element.focus();
  }

  #remove(row: Row): void {
    const at = this.#rows.indexOf(row);
    this.#rows.splice(at, 1);
    this.#changed();
    // The button that was pressed is gone: the next row's takes the focus, so the keyboard stays here.
    const next = this.#rows[at] ?? this.#rows[at - 1];
    (next?.element.querySelector<HTMLElement>('vscode-button') ?? this.#add.element).focus();
  }

  #row(choice: MergeChoice, weight: number): Row {
    const { words, onChange } = this.options;
    const field = weightField({
      label: words.text('mergeWeightOf', choice.name),
      limit: MAX_MERGE_WEIGHT,
      value: weight,
      onInput: onChange,
    });
    const facts = [
      choice.baseModel,
      choice.rank === undefined ? undefined : words.text('rank', choice.rank),
      choice.bytes > 0 ? words.bytes(choice.bytes) : undefined,
      words.text(PLACES[choice.place]),
    ];
    const remove = button({
      label: words.text('mergeRemove', choice.name),
      icon: 'close',
      look: 'icon',
      onPress: () => this.#remove(row),
    });
    const element = el(
      'li',
      { class: 'part' },
      el(
        'div',
        { class: 'part-name' },
        icon('adapter'),
        el(
          'div',
          {},
          adapterName(choice.name),
          el('span', { class: 'muted' }, facts.filter((fact) => fact !== undefined).join(' · ')),
        ),
      ),
      field.element,
      remove,
    );
    const row: Row = { choice, weight: field, element };
    return row;
  }

  #changed(): void {
    this.#draw();
    this.#offer();
    this.options.onChange();
  }

  #draw(): void {
    const { text } = this.options.words;
    fill(this.#list, ...this.#rows.map(({ element }) => element));
    fill(this.#empty, text(this.#rows.length === 0 ? 'mergeNone' : 'mergeLonely'));
    this.#empty.hidden = this.#rows.length > 1;
  }

  /** What can still be added. The first line is only what the list is called. */
  #offer(): void {
    const { words } = this.options;
    const chosen = new Set(this.#rows.map(({ choice }) => choice.key));
    const label = ({ name, rank }: MergeChoice): string =>
      rank === undefined ? name : `${name} · ${words.text('rank', rank)}`;
    const choices: Choice[] = this.#choices
      .filter(({ key }) => !chosen.has(key))
      .map((choice) => ({ value: choice.key, label: label(choice) }));
    this.#add.setChoices([{ value: '', label: words.text('mergeAdd') }, ...choices]);
    this.#add.set('');
  }
}
