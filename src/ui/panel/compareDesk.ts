import { isAbort } from '../../engine/errors';
import type { CompareAnswer, CompareIntent, CompareRun } from '../../shared/compareProtocol';
import type { ToPanel } from '../../shared/panelProtocol';
import type { EngineHandle } from '../engineHandle';
import { peerLines } from '../text';

/** 1,024 tokens are 8 KB or so; what is far more is no answer. */
const MAX_ANSWER = 65_536;
const NOTHING: CompareAnswer = { text: '' };

export interface CompareDeskParts {
  readonly engine: Pick<EngineHandle, 'wish'>;
  readonly post: (message: ToPanel) => void;
  /** One sentence for the user; the log gets the rest. */
  readonly explain: (error: unknown) => string;
}

/** Runs one comparison at a time and remembers the last, so that a page that was hidden meanwhile shows it. */
export class CompareDesk {
  #run: CompareRun | undefined;
  #abort: AbortController | undefined;

  constructor(private readonly parts: CompareDeskParts) {}

  /** What there is to show when the page opens. */
  show(): void {
    if (this.#run) this.parts.post({ type: 'compare', run: this.#run });
  }

  async start({ base, model, prompt, tokens }: CompareIntent & { readonly type: 'compare' }): Promise<void> {
    this.stop();
    const abort = (this.#abort = new AbortController());
    const { signal } = abort;
    this.#set({ phase: 'running', base, model, prompt, answers: { base: NOTHING, model: NOTHING } });
    try {
      const sides = await this.parts.engine.wish(
        'compare',
        { base, model, prompt, tokens },
        {
          signal,
          onProgress: (step) => {
            if (step.kind === 'compare' && !signal.aborted) this.#hear(step.side, step.text);
          },
        },
      );
      if (signal.aborted) return;
      this.#change({ phase: 'done', answers: { base: answered(sides.base), model: answered(sides.model) } });
    } catch (error) {
      if (signal.aborted) return;
      this.#change({ phase: isAbort(error) ? 'stopped' : 'failed' });
      if (!isAbort(error)) this.parts.post({ type: 'problem', message: this.parts.explain(error) });
    } finally {
      if (this.#abort === abort) this.#abort = undefined;
    }
  }

  /** What was said so far stays on the page. */
  stop(): void {
    if (!this.#abort) return;
    this.#abort.abort();
    this.#abort = undefined;
    this.#change({ phase: 'stopped' });
  }

  #hear(side: 'base' | 'model', text: string): void {
    if (!this.#run) return;
    this.#change({ answers: { ...this.#run.answers, [side]: { text: peerLines(text, MAX_ANSWER) } } });
  }

  #change(change: Partial<CompareRun>): void {
    if (this.#run) this.#set({ ...this.#run, ...change });
  }

  #set(run: CompareRun): void {
    this.#run = run;
    this.parts.post({ type: 'compare', run });
  }
}

function answered({ text, tokens, seconds }: { text: string; tokens: number; seconds: number }): CompareAnswer {
  return { text: peerLines(text, MAX_ANSWER), done: { tokens, seconds } };
}
