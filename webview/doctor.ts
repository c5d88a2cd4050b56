import type { DoctorCheck, ToPanel } from '../src/shared/panelProtocol';
import type { PanelTexts } from '../src/shared/panelTexts';
import { button, labelButton, progressRing, setBusy } from './components';
import { el, fill, foreign, setText, spoken } from './dom';
import { icon } from './icons';
import type { Page, Shell } from './page';
import type { Words } from './words';

/** Why something does not work, and what to do about it. */
export class DoctorPage implements Page {
  readonly element: HTMLElement;
  readonly #title: HTMLElement;
  readonly #again: HTMLElement;
  readonly #summary = el('p', { class: 'summary', role: 'status' });
  readonly #ring = el('span', { class: 'ring' });
  readonly #checks = el('ul', { class: 'checks' });
  #isRunning = false;

  constructor(private readonly shell: Shell) {
    const { text } = shell.words;
    this.#title = el('h1', { tabindex: -1 }, text('doctorTitle'));
    this.#again = button({
      label: text('doctorRun'),
      icon: 'refresh',
      look: 'primary',
      onPress: () => {
        if (!this.#isRunning) shell.post({ type: 'doctor' });
      },
    });
    const log = button({ label: text('showLog'), onPress: () => shell.post({ type: 'run', action: 'showLog' }) });
    this.element = el(
      'section',
      { class: 'page doctor', 'aria-label': text('doctor') },
      this.#title,
      el('p', { class: 'muted' }, text('doctorHelp')),
      el('div', { class: 'actions' }, this.#again, log),
      el('div', { class: 'summary-row' }, this.#ring, this.#summary),
      this.#checks,
    );
    this.#draw(true, []);
  }

  receive(message: ToPanel): void {
    if (message.type === 'doctor') this.#draw(message.isRunning, message.checks);
  }

  focus(): void {
    this.#title.focus();
  }

  dispose(): void {
    // Nothing outlives the element.
  }

  #draw(isRunning: boolean, checks: readonly DoctorCheck[]): void {
    const { words } = this.shell;
    this.#isRunning = isRunning;
    setBusy(this.#again, isRunning);
    labelButton(this.#again, words.text(isRunning ? 'doctorRunning' : 'doctorRun'), 'refresh');
    fill(this.#ring, isRunning ? progressRing() : undefined);
    this.#ring.hidden = !isRunning;
    const bad = checks.filter(({ ok }) => !ok);
    const verdict =
      bad.length > 0
        ? words.count('doctorBad', bad.length, checks.length)
        : words.text('doctorGood', words.number(checks.length));
    setText(this.#summary, isRunning ? words.text('doctorRunning') : verdict);
    // What needs attention stands on top; the order is otherwise the engine's.
    fill(this.#checks, ...[...bad, ...checks.filter(({ ok }) => ok)].map((check) => this.#check(check)));
  }

  #check(check: DoctorCheck): HTMLElement {
    const { words } = this.shell;
    return el(
      'li',
      { class: check.ok ? 'check' : 'check needs-attention' },
      el(
        'span',
        { class: check.ok ? 'good' : 'bad' },
        icon(check.ok ? 'pass' : 'error'),
        spoken(words.text(check.ok ? 'passed' : 'failed')),
      ),
      el(
        'div',
        {},
        el('strong', {}, nameOf(words, check.id)),
        el('p', {}, foreign(check.detail)),
        check.fix ? el('p', { class: 'fix' }, icon('bulb'), spoken(words.text('fix')), foreign(check.fix)) : undefined,
      ),
    );
  }
}

/** Ids are of the engine, and the same in the command line's report. */
const NAMES: Readonly<Record<string, keyof PanelTexts>> = {
  disk: 'checkDisk',
  network: 'checkNetwork',
  rooms: 'checkRooms',
  peers: 'checkPeers',
  shared: 'checkShared',
  'ollama-version': 'checkOllamaVersion',
  'ollama-route': 'checkOllamaRoute',
  'ollama-models': 'checkOllamaModels',
};

function nameOf(words: Words, id: string): string {
  const known = Object.hasOwn(NAMES, id) ? NAMES[id] : undefined;
  if (known) return words.text(known);
  if (id.startsWith('room ')) return words.text('checkRoom', id.slice(5));
  const plain = id.replaceAll(/[._-]+/g, ' ').trim();
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}
