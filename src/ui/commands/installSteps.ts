import * as vscode from 'vscode';
import type { InstallPlan, RoutePlan } from '../../engine/deployWishes';
import type { LocalModel } from '../../engine/wishes';
import { engineText } from '../engineText';
import { formatBytes, formatSeconds } from '../facts';
import { t } from '../l10n';
import { confirm } from '../notify';
import { askPick, askText, BACK, LEFT, type Answer, type Step, type StepPlace } from '../steps';
import { isModelName } from '../../shared/panelFields';
import { peerText } from '../text';
import { verdictTitle } from './downloadChoices';
import type { InstallDraft } from './installDraft';
import { extraRows, extrasText, needsPreview, proposed } from './installExtras';
import { baseRows, needsBaseChoice, planRows, type JudgedModel, type PlanRow } from './installPlan';
import { adapterRows, askWeight } from './installWeights';

/** What the questions are made with, so that they ask the engine nothing by themselves. */
export interface InstallQuestions {
  readonly plan: InstallPlan;
  readonly judged: readonly JudgedModel[];
  readonly models: readonly LocalModel[];
  /** What an install of these would do. Gives nothing after having said why not. */
  readonly planFor: (adapters: InstallDraft['adapters'], base: string | undefined) => Promise<InstallPlan | undefined>;
  readonly nameOf: (target: string) => string;
  /** Asks for another adapter of this machine. */
  readonly pickAdapter: () => Promise<string | undefined>;
  readonly preview: (title: string, text: string) => Promise<void>;
}

/** The base only when several fit, the proposals only when there are some. Enter three times takes the usual way. */
export function installSteps(questions: InstallQuestions): Step<InstallDraft>[] {
  return [
    ...(needsBaseChoice(questions.judged) ? [baseStep(questions)] : []),
    planStep(questions),
    nameStep(questions),
    ...(proposed(questions.plan.extras).length > 0 ? [extrasStep(questions)] : []),
  ];
}

function baseStep(questions: InstallQuestions): Step<InstallDraft> {
  return (draft, place) => askBase(questions, draft, place);
}

async function askBase(
  { judged, planFor }: InstallQuestions,
  draft: InstallDraft,
  place: StepPlace,
): Promise<Answer<InstallDraft>> {
  const items = baseRows(judged).map(item);
  const answer = await askPick(place, {
    items,
    placeholder: t('Base model in Ollama'),
    chosen: items.filter(({ row }) => row.base !== undefined && row.base === draft.plan.base),
    isAnswer: ({ row }) => row.base !== undefined,
  });
  if (answer === BACK || answer === LEFT) return answer;
  const base = answer[0]!.row.base!;
  if (base === draft.plan.base) return draft;
  const plan = await planFor(draft.adapters, base);
  return plan ? { ...draft, plan } : draft;
}

function planStep(questions: InstallQuestions): Step<InstallDraft> {
  return async (start, place) => {
    let draft = start;
    for (;;) {
      const row = await askPlan(questions, draft, place);
      if (row === BACK || row === LEFT) return row;
      if (row.route) {
        if (await agrees(draft.plan, row.route)) return { ...draft, as: draft.plan.model, route: row.route };
      } else draft = await changed(questions, draft, row, { ...place, step: 1, totalSteps: 1 });
    }
  };
}

async function askPlan(questions: InstallQuestions, draft: InstallDraft, place: StepPlace): Promise<Answer<PlanRow>> {
  const { judged, nameOf } = questions;
  const { plan, adapters } = draft;
  // Behind a question for the base, the way back is that one.
  const other: PlanRow[] =
    judged.length > 0 && !needsBaseChoice(judged)
      ? [{ kind: 'otherBase', label: `$(list-selection) ${t('Choose another base…')}` }]
      : [];
  const isAnswer = ({ row }: RowItem): boolean => row.kind !== 'note' && row.kind !== 'separator';
  // In the line above it would be cut off.
  const why: PlanRow = {
    kind: 'note',
    label: `$(info) ${verdictTitle(plan.verdict)}`,
    detail: engineText(plan.verdict.reason, 200),
  };
  const items = [...planRows(plan), ...adapterRows(adapters, nameOf), ...other, why].map(item);
  const answer = await askPick(place, {
    items,
    placeholder: verdictTitle(plan.verdict),
    isAnswer,
    chosen: items.filter(isAnswer).slice(0, 1),
  });
  return answer === BACK || answer === LEFT ? answer : answer[0]!.row;
}

/** What a row other than a way in asks for. Whoever leaves a question comes back to the plan as it was. */
async function changed(
  questions: InstallQuestions,
  draft: InstallDraft,
  row: PlanRow,
  place: StepPlace,
): Promise<InstallDraft> {
  if (row.kind === 'otherBase') {
    const next = await askBase(questions, draft, place);
    return next === BACK || next === LEFT ? draft : next;
  }
  const adapters = await nextAdapters(questions, draft.adapters, row, place);
  const plan = adapters && (await questions.planFor(adapters, draft.plan.base));
  return plan ? { ...draft, adapters, plan } : draft;
}

async function nextAdapters(
  { nameOf, pickAdapter }: InstallQuestions,
  adapters: InstallDraft['adapters'],
  row: PlanRow,
  place: StepPlace,
): Promise<InstallDraft['adapters'] | undefined> {
  if (row.at !== undefined) return askWeight(adapters, row.at, nameOf(adapters[row.at]!.target), place);
  const target = await pickAdapter();
  // One adapter twice is one with another weight.
  if (target === undefined || adapters.some((one) => one.target === target)) return undefined;
  return [...adapters, { target, weight: 1 }];
}

/** A whole model on disk is not made by pressing Enter. */
async function agrees(plan: InstallPlan, route: RoutePlan): Promise<boolean> {
  if (!route.needsConsent) return true;
  const base = peerText(plan.base, 60);
  return confirm(
    t('Make a merged copy of {0}?', base),
    t(
      'It takes {0} on the disk for as long as you keep the model, and about {1} to make. {2} itself stays as it is.',
      formatBytes(route.bytesOnDisk),
      formatSeconds(route.seconds),
      base,
    ),
    t('Merge'),
  );
}

function nameStep({ models }: InstallQuestions): Step<InstallDraft> {
  return async (draft, place) => {
    if (draft.plan.updates !== undefined) {
      const isUpdate = await askUpdate(draft.plan.updates, place);
      if (isUpdate === BACK || isUpdate === LEFT) return isUpdate;
      if (isUpdate) return { ...draft, isUpdate };
    }
    const taken = new Set(models.map(({ name }) => tagged(name)));
    const name = await askText(place, {
      prompt: t('Name of the model in Ollama'),
      value: draft.as,
      check: (text) => {
        if (!isModelName(text)) return t('Letters, digits, dot, dash and underscore, such as my-model or my-model:v2.');
        return taken.has(tagged(text))
          ? t('A model with this name is there already. It is never replaced.')
          : undefined;
      },
    });
    return name === BACK || name === LEFT ? name : { ...draft, isUpdate: false, as: name };
  };
}

async function askUpdate(model: string, place: StepPlace): Promise<Answer<boolean>> {
  const items = [
    {
      label: `$(sync) ${t('Update {0}', peerText(model))}`,
      detail: t('It was made of an earlier release of this adapter. It keeps its name.'),
      isUpdate: true,
    },
    { label: `$(add) ${t('Install beside it')}`, detail: t('Under a name of its own.'), isUpdate: false },
  ];
  const answer = await askPick(place, { items, placeholder: t('An earlier release is installed') });
  return answer === BACK || answer === LEFT ? answer : answer[0]!.isUpdate;
}

function extrasStep({ preview }: InstallQuestions): Step<InstallDraft> {
  return async (draft, place) => {
    const extras = draft.plan.extras ?? {};
    const read = (): void => void preview(t('Proposals of the author'), extrasText(extras));
    // In full before it can be ticked, not after.
    if (needsPreview(extras)) await preview(t('Proposals of the author'), extrasText(extras));
    const buttons = [{ iconPath: new vscode.ThemeIcon('open-preview'), tooltip: t('Read in Full') }];
    const items = extraRows(extras).map((row) => ({ ...row, buttons }));
    const answer = await askPick(place, {
      items,
      placeholder: t('The author proposes these. Tick what the model should use; none is fine.'),
      isMany: true,
      least: 0,
      chosen: items.filter(({ extra }) => draft.extras.includes(extra)),
      onButton: read,
    });
    return answer === BACK || answer === LEFT ? answer : { ...draft, extras: answer.map(({ extra }) => extra) };
  };
}

interface RowItem extends vscode.QuickPickItem {
  readonly row: PlanRow;
}

function item(row: PlanRow): RowItem {
  const { label, description, detail } = row;
  return {
    row,
    label,
    ...(row.kind === 'separator' ? { kind: vscode.QuickPickItemKind.Separator } : {}),
    ...(description === undefined ? {} : { description }),
    ...(detail === undefined ? {} : { detail }),
  };
}

const tagged = (name: string): string => (/:[^/]*$/.test(name) ? name : `${name}:latest`).toLowerCase();
