import {
  parsePage,
  parseQuery,
  parseToPanel,
  type FromPanel,
  type PanelEngine,
  type PanelModel,
  type PanelPage,
  type ToPanel,
} from '../src/shared/panelProtocol';
import { AdapterPage } from './adapter';
import { ComparePage } from './compare';
import { button } from './components';
import { DoctorPage } from './doctor';
import { el, fill, setAttributes, setText } from './dom';
import { ExplorePage } from './explore';
import { icon } from './icons';
import { MergePage } from './merge';
import type { DraftPage, ExplorePlace, Page, Shell } from './page';
import { TransferPage } from './transfer';
import { Words } from './words';

declare function acquireVsCodeApi(): {
  postMessage(message: FromPanel): void;
  getState(): unknown;
  setState(state: unknown): void;
};

const editor = acquireVsCodeApi();
const nav = el('nav', { class: 'tabs' });
const problem = el('div', { class: 'problem', role: 'alert' });
const main = el('main');
const live = el('div', { class: 'spoken', role: 'status', 'aria-live': 'polite' });
problem.hidden = true;

let words: Words | undefined;
let current: Page | undefined;
let place = savedPlace(editor.getState());
let engine: PanelEngine | undefined;
let models: readonly PanelModel[] = [];
let drafts = savedDrafts(editor.getState());

document.getElementById('app')?.append(nav, problem, main, live);
window.addEventListener('message', (event) => {
  const message = parseToPanel(event.data);
  if (message) receive(message);
});
editor.postMessage({ type: 'ready' });

function receive(message: ToPanel): void {
  switch (message.type) {
    case 'texts':
      words = new Words(message.language, message.texts);
      document.documentElement.lang = message.language;
      nav.setAttribute('aria-label', words.text('pages'));
      return;
    case 'page':
      if (words) show(words, message.page);
      return;
    case 'problem':
      showProblem(message.message);
      break;
    case 'engine':
      engine = message.engine;
      break;
    case 'models':
      models = message.models;
      break;
    default:
  }
  current?.receive(message);
}

function show(text: Words, page: PanelPage): void {
  const isFirst = current === undefined;
  current?.dispose();
  problem.hidden = true;
  const shell: Shell = {
    words: text,
    engine: () => engine,
    models: () => models,
    post: (intent) => {
      problem.hidden = true; // What failed before is over once the user does something else.
      editor.postMessage(intent);
    },
    announce: (said) => setText(live, said),
    place: () => place,
    savePlace: (next) => {
      place = next;
      keep(page);
    },
    draft: (of) => drafts[of],
    saveDraft: (of, draft) => {
      drafts = { ...drafts, [of]: draft };
      keep(page);
    },
  };
  if (page.page === 'explore' && page.room !== undefined) place = startOf(page.room);
  drawTabs(text, page);
  current = openPage(shell, page);
  // The room is in the place from now on, where the user may change it.
  keep(page.page === 'explore' ? { page: 'explore' } : page);
  main.replaceChildren(current.element);
  // At the start the editor decides who has the focus.
  if (!isFirst) current.focus();
}

function startOf(room: string): ExplorePlace {
  return { query: { room }, active: 0, scrollTop: 0 };
}

function keep(page: PanelPage): void {
  editor.setState({ page, place, drafts });
}

function openPage(shell: Shell, page: PanelPage): Page {
  switch (page.page) {
    case 'explore':
      return new ExplorePage(shell);
    case 'adapter':
      return new AdapterPage(shell, page.id);
    case 'transfer':
      return new TransferPage(shell, page);
    case 'compare':
      return new ComparePage(shell, page);
    case 'merge':
      return new MergePage(shell, page.parts ?? []);
    case 'doctor':
      return new DoctorPage(shell);
  }
}

const TABS = ['explore', 'compare', 'merge', 'doctor'] as const;

function drawTabs(text: Words, here: PanelPage): void {
  const tab = (page: (typeof TABS)[number]): HTMLElement => {
    const element = el('button', { class: 'tab' }, text.text(page));
    element.addEventListener('click', () => editor.postMessage({ type: 'open', page: { page } }));
    const isHere = here.page === page || (page === 'explore' && (here.page === 'adapter' || here.page === 'transfer'));
    setAttributes(element, { 'aria-current': isHere ? 'page' : undefined });
    return element;
  };
  fill(nav, ...TABS.map(tab));
}

function showProblem(message: string): void {
  problem.hidden = false;
  const close = button({
    label: words?.text('cancel') ?? '',
    icon: 'close',
    look: 'icon',
    onPress: () => (problem.hidden = true),
  });
  fill(problem, icon('error', 'bad'), el('span', { dir: 'auto' }, message), close);
}

/** Each page reads its own. */
function savedDrafts(state: unknown): Partial<Record<DraftPage, unknown>> {
  if (typeof state !== 'object' || state === null || !('drafts' in state)) return {};
  const { compare, merge } = (state.drafts ?? {}) as Record<string, unknown>;
  return { compare, merge };
}

/** The state that the editor kept may be of an older version, so it is read like any input. */
function savedPlace(state: unknown): ExplorePlace | undefined {
  if (typeof state !== 'object' || state === null || !('place' in state) || !parsePage('page' in state && state.page))
    return undefined;
  const { query, active, scrollTop } = (state.place ?? {}) as Record<string, unknown>;
  const parsed = parseQuery(query);
  if (!parsed || !Number.isSafeInteger(active) || typeof scrollTop !== 'number') return undefined;
  return { query: parsed, active: active as number, scrollTop };
}
