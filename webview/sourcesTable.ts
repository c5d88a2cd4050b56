import type { TransferPeerState } from '../src/shared/panelProtocol';
import type { PanelTexts } from '../src/shared/panelTexts';
import { el, fill, foreign, setAttributes, setText, spoken } from './dom';
import { icon, type IconName } from './icons';
import { sourceOrder } from './sourceOrder';
import type { Words } from './words';

type Text = keyof PanelTexts;

const PATHS: Readonly<Record<TransferPeerState['path'], readonly [IconName, Text]>> = {
  disk: ['folder', 'pathDisk'],
  lane: ['lane', 'pathLane'],
  lan: ['home', 'pathLan'],
  direct: ['link', 'pathDirect'],
  relay: ['relay', 'pathRelay'],
};
const PHASES: Readonly<Record<TransferPeerState['phase'], Text>> = {
  opening: 'peerOpening',
  active: 'peerActive',
  idle: 'peerIdle',
  resting: 'peerResting',
};
const COLUMNS = ['name', 'rate', 'path', 'bytes', 'has', 'rtt', 'phase'] as const;
type Column = (typeof COLUMNS)[number];
/** Who takes does not say what it has. */
const TAKER_COLUMNS = COLUMNS.filter((column) => column !== 'has');

/**
 * Who gives or takes, quickest first. Rows keep their element while their source is there, so nothing jumps or loses a
 * selection; in a narrow place a row becomes two lines, which is why the roles are written out.
 */
export class SourcesTable {
  readonly element: HTMLElement;
  readonly #body = el('div', { role: 'rowgroup' });
  readonly #table: HTMLElement;
  readonly #none: HTMLElement;
  readonly #rows = new Map<string, Row>();
  readonly #titles: Readonly<Record<Column, Text>>;
  readonly #columns: readonly Column[];
  #order: readonly string[] = [];

  constructor(
    private readonly words: Words,
    isUpload: boolean,
  ) {
    const { text } = words;
    this.#columns = isUpload ? TAKER_COLUMNS : COLUMNS;
    this.#titles = {
      name: isUpload ? 'columnTaker' : 'columnSource',
      rate: 'speed',
      path: 'columnPath',
      bytes: isUpload ? 'columnSent' : 'columnReceived',
      has: 'columnHas',
      rtt: 'columnRoundTrip',
      phase: 'columnState',
    };
    this.#none = el('p', { class: 'muted' }, text(isUpload ? 'noTakers' : 'noSourcesYet'));
    this.#table = el(
      'div',
      { class: isUpload ? 'takers' : 'sources', role: 'table', 'aria-label': text(isUpload ? 'takers' : 'sources') },
      el(
        'div',
        { role: 'rowgroup' },
        el(
          'div',
          { class: 'source head', role: 'row' },
          ...this.#columns.map((column) =>
            el('span', { role: 'columnheader', class: `of-${column}` }, text(this.#titles[column])),
          ),
        ),
      ),
      this.#body,
    );
    this.element = el('div', { class: 'sources-frame' }, this.#none, this.#table);
  }

  draw(peers: readonly TransferPeerState[]): void {
    this.#none.hidden = peers.length > 0;
    this.#table.hidden = peers.length === 0;
    const keyed = new Map(peers.map((peer) => [`${peer.path} ${peer.key}`, peer]));
    const order = sourceOrder(
      this.#order,
      [...keyed].map(([key, peer]) => ({ key, rate: peer.rate, peer })),
    );
    for (const [key, row] of this.#rows)
      if (!keyed.has(key)) {
        row.element.remove();
        this.#rows.delete(key);
      }
    order.forEach(({ key, peer }, at) => {
      const row = this.#rows.get(key) ?? new Row(this.words, this.#columns, this.#titles);
      this.#rows.set(key, row);
      row.draw(peer);
      if (this.#body.children[at] !== row.element)
        this.#body.insertBefore(row.element, this.#body.children[at] ?? null);
    });
    this.#order = order.map(({ key }) => key);
  }
}

/** One source. Only what has changed is touched. */
class Row {
  readonly element: HTMLElement;
  readonly #cells = Object.fromEntries(
    COLUMNS.map((column) => [
      column,
      el('span', { role: column === 'name' ? 'rowheader' : 'cell', class: `of-${column}` }),
    ]),
  ) as Readonly<Record<Column, HTMLElement>>;
  readonly #drawn = new Map<Column, string>();

  constructor(
    private readonly words: Words,
    columns: readonly Column[],
    titles: Readonly<Record<Column, Text>>,
  ) {
    // For the narrow form, which has no heads.
    for (const column of ['bytes', 'has'] as const)
      setAttributes(this.#cells[column], { 'data-title': words.text(titles[column]) });
    this.element = el('div', { class: 'source', role: 'row' }, ...columns.map((column) => this.#cells[column]));
  }

  draw(peer: TransferPeerState): void {
    const { words } = this;
    const { text } = words;
    const [pathIcon, pathText] = PATHS[peer.path];
    setAttributes(this.element, { 'data-phase': peer.phase });
    this.#put('name', `${peer.key} ${peer.name}`, () => this.#name(peer));
    this.#put('path', peer.path, () => [icon(pathIcon), el('span', {}, text(pathText))]);
    this.#say('rate', peer.rate > 0 ? words.rate(peer.rate) : undefined, text('none'));
    this.#say('bytes', words.bytes(peer.bytes));
    this.#say('has', words.share(peer.has));
    this.#say('rtt', peer.rttMs === undefined ? undefined : words.milliseconds(peer.rttMs), text('notMeasured'));
    this.#put('phase', peer.phase, () => {
      const isResting = peer.phase === 'resting';
      this.#cells.phase.title = isResting ? text('peerRestingHelp') : '';
      return [el('span', { class: 'dot', 'aria-hidden': 'true' }), text(PHASES[peer.phase])];
    });
  }

  /** Its name and the start of its key: anybody can take a name. */
  #name({ key, name, path }: TransferPeerState): (Node | string)[] {
    if (path === 'disk') return [el('span', { class: 'peer-name' }, this.words.text('pathDisk'))];
    const short = key.length > 8 ? `${key.slice(0, 4)}…${key.slice(-2)}` : key;
    return [
      ...(name === '' ? [] : [foreign(name, 'peer-name'), ' ']),
      el('code', { class: 'muted', title: key }, short),
    ];
  }

  #say(column: Column, value: string | undefined, instead = ''): void {
    this.#put(column, value ?? '', () =>
      value === undefined ? [el('span', { class: 'muted', 'aria-hidden': 'true' }, '–'), spoken(instead)] : [value],
    );
  }

  #put(column: Column, is: string, make: () => (Node | string)[]): void {
    if (this.#drawn.get(column) === is) return;
    this.#drawn.set(column, is);
    const cell = this.#cells[column];
    const parts = make();
    if (parts.length === 1 && typeof parts[0] === 'string') setText(cell, parts[0]);
    else fill(cell, ...parts);
  }
}
