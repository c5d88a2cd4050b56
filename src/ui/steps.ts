import * as vscode from 'vscode';

/** Where a question stands in a row of questions. */
export interface StepPlace {
  readonly title: string;
  readonly step: number;
  readonly totalSteps: number;
}

/** The user went one question back. */
export const BACK = Symbol('back');
/** The user left. */
export const LEFT = undefined;

export type Answer<T> = T | typeof BACK | typeof LEFT;

/** One question: fills in its part of the draft. */
export type Step<D> = (draft: D, place: StepPlace) => Promise<Answer<D>>;

/** Asks one question after the other, with a way back. @returns `undefined` when the user left. */
export async function askSteps<D>(title: string, draft: D, steps: readonly Step<D>[]): Promise<D | undefined> {
  const drafts: D[] = [draft];
  while (drafts.length <= steps.length) {
    const at = drafts.length - 1;
    const answer = await steps[at]!(drafts[at]!, { title, step: at + 1, totalSteps: steps.length });
    if (answer === LEFT) return undefined;
    if (answer !== BACK) drafts.push(answer);
    else if (drafts.length > 1) drafts.pop();
    else return undefined;
  }
  return drafts.at(-1);
}

export interface PickOptions<T extends vscode.QuickPickItem> {
  readonly items: readonly T[];
  readonly placeholder: string;
  readonly isMany?: boolean;
  /** How many have to be picked; 1 when absent. */
  readonly least?: number;
  /** Checked at the start, or the one that Enter takes. */
  readonly chosen?: readonly T[];
  /** Says `false` of rows that are only to be read: Enter on them does nothing. */
  readonly isAnswer?: (item: T) => boolean;
  /** A button in a row; the question stays open. */
  readonly onButton?: (item: T) => void;
}

/** Asks for one of a list, or for several. */
export function askPick<T extends vscode.QuickPickItem>(
  place: StepPlace,
  options: PickOptions<T>,
): Promise<Answer<readonly T[]>> {
  const pick = vscode.window.createQuickPick<T>();
  pick.items = options.items;
  pick.placeholder = options.placeholder;
  pick.canSelectMany = options.isMany ?? false;
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  // Without an assignment the first item is active, which is what Enter should take.
  if (options.chosen && options.isMany) pick.selectedItems = options.chosen;
  else if (options.chosen && options.chosen.length > 0) pick.activeItems = options.chosen;
  if (options.onButton) pick.onDidTriggerItemButton(({ item }) => options.onButton?.(item));
  return ask(pick, place, () => {
    const picked = options.isMany ? pick.selectedItems : pick.activeItems.slice(0, 1);
    const isAllowed = picked.length >= (options.least ?? 1) && picked.every((item) => options.isAnswer?.(item) ?? true);
    return isAllowed ? picked : undefined;
  });
}

export interface TextOptions {
  readonly prompt: string;
  readonly value?: string;
  readonly placeholder?: string;
  /** Says what is wrong, or nothing. */
  readonly check?: (text: string) => string | undefined;
}

/** Asks for one line of text; it comes back trimmed. */
export function askText(place: StepPlace, options: TextOptions): Promise<Answer<string>> {
  const input = vscode.window.createInputBox();
  input.prompt = options.prompt;
  input.value = options.value ?? '';
  input.placeholder = options.placeholder ?? '';
  const check = (): boolean => {
    input.validationMessage = options.check?.(input.value.trim());
    return !input.validationMessage;
  };
  input.onDidChangeValue(check);
  return ask(input, place, () => (check() ? input.value.trim() : undefined));
}

/** Shows one question until it is answered. `take` gives nothing while the answer is not allowed. */
function ask<T>(question: Question, place: StepPlace, take: () => T | undefined): Promise<Answer<T>> {
  question.title = place.title;
  question.ignoreFocusOut = true; // Looking up a licence or a code elsewhere must not lose the answers before.
  if (place.totalSteps > 1) {
    question.step = place.step;
    question.totalSteps = place.totalSteps;
    question.buttons = place.step > 1 ? [vscode.QuickInputButtons.Back] : [];
  }
  return new Promise<Answer<T>>((resolve) => {
    question.onDidAccept(() => {
      const answer = take();
      if (answer !== undefined) finish(answer);
    });
    question.onDidTriggerButton(() => finish(BACK));
    question.onDidHide(() => finish(LEFT));
    question.show();

    function finish(answer: Answer<T>): void {
      resolve(answer); // Before disposing: that hides it, which counts as leaving.
      question.dispose();
    }
  });
}

/** What quick picks and input boxes have in common. */
type Question = Pick<
  vscode.InputBox,
  | 'title'
  | 'step'
  | 'totalSteps'
  | 'ignoreFocusOut'
  | 'buttons'
  | 'onDidAccept'
  | 'onDidTriggerButton'
  | 'onDidHide'
  | 'show'
  | 'dispose'
>;
