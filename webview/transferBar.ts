import type { TransferState } from '../src/shared/panelProtocol';
import type { PanelTexts } from '../src/shared/panelTexts';
import { el, setAttributes, setText } from './dom';
import type { Shell } from './page';

const PHASES: Readonly<Record<TransferState['phase'], keyof PanelTexts>> = {
  queued: 'phaseQueued',
  waiting: 'phaseWaiting',
  running: 'phaseRunning',
  verifying: 'phaseVerifying',
  paused: 'phasePaused',
  failed: 'phaseFailed',
  done: 'phaseDone',
  cancelled: 'phaseCancelled',
};
/** Read aloud at every tenth. The bar itself moves 4 times a second, which nobody could listen to. */
const SPOKEN_STEP = 10;

/** How far a download is: a bar, a line of figures, and a word now and then for those who listen. */
export class TransferBar {
  readonly element: HTMLElement;
  readonly #bar: HTMLElement;
  readonly #done = el('div', { class: 'bar-done' });
  readonly #line = el('p', { class: 'transfer-line' });
  readonly #problem = el('p', { class: 'transfer-problem bad', role: 'alert' });
  #spoken = '';

  constructor(
    private readonly shell: Shell,
    private readonly id: string,
  ) {
    this.#bar = el(
      'div',
      {
        class: 'bar',
        role: 'progressbar',
        'aria-label': shell.words.text('transfer'),
        'aria-valuemin': 0,
        'aria-valuemax': 100,
      },
      this.#done,
    );
    const more = el('button', { class: 'link' }, shell.words.text('showTransfer'));
    more.addEventListener('click', () => {
      const page = { page: 'transfer', id: this.id, direction: 'download' } as const;
      shell.post({ type: 'open', page });
    });
    const line = el('div', { class: 'transfer-more' }, this.#line, more);
    this.element = el('div', { class: 'transfer' }, this.#bar, line, this.#problem);
    this.element.hidden = true;
  }

  draw(download: TransferState | undefined): void {
    if (!download) {
      if (!this.element.hidden && this.#spoken) this.shell.announce(this.shell.words.text('phaseDone'));
      this.element.hidden = true;
      this.#spoken = '';
      return;
    }
    this.element.hidden = false;
    const { words } = this.shell;
    const { bytesDone, bytesTotal, phase } = download;
    const percent = bytesTotal > 0 ? Math.floor((100 * bytesDone) / bytesTotal) : 0;
    const figures = [
      words.text(PHASES[phase]),
      words.text('progress', words.bytes(bytesDone), words.bytes(bytesTotal)),
      words.percent(bytesDone, bytesTotal),
      ...(phase === 'running' ? [words.rate(download.rate), words.count('sources', download.sources)] : []),
      ...(download.secondsLeft === undefined ? [] : [words.text('timeLeft', words.duration(download.secondsLeft))]),
    ];
    this.#done.style.width = `${percent}%`;
    setAttributes(this.#bar, { 'aria-valuenow': percent, 'data-phase': phase });
    setText(this.#line, figures.join(' · '));
    setText(this.#problem, download.problem?.message ?? '');
    this.#problem.hidden = !download.problem;
    this.#speak(words.text(PHASES[phase]), phase, percent);
  }

  #speak(phaseText: string, phase: string, percent: number): void {
    const step = Math.floor(percent / SPOKEN_STEP) * SPOKEN_STEP;
    const spoken = `${phase} ${step}`;
    if (spoken === this.#spoken) return;
    this.#spoken = spoken;
    this.shell.announce(this.shell.words.text('progressSpoken', phaseText, this.shell.words.percent(step, 100)));
  }
}
