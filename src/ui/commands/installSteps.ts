import * as vscode from 'vscode';
import type { InstallPlan, RoutePlan } from '../../engine/deployWishes';
import type { LocalModel } from '../../engine/wishes';
import { formatBytes, formatSeconds, joinKnown } from '../facts';
import { t } from '../l10n';
import { confirm } from '../notify';
import { askPick, askText, BACK, LEFT, type Answer, type Step, type StepPlace } from '../steps';
import { isModelName } from '../../shared/panelFields';
import { peerText } from '../text';
import { verdictTitle } from './downloadChoices';
import type { InstallDraft } from './installDraft';
import { extraRows, extrasText, needsPreview, proposed } from './installExtras';
import { baseRows, needsBaseChoice, planRows, type JudgedModel, type PlanRow } from './installPlan';

/** What the questions are made with, so that they ask the engine nothing by themselves. */
export interface InstallQuestions {
  readonly plan: InstallPlan;
  readonly judged: readonly JudgedModel[];
  readonly models: readonly LocalModel[];
  readonly planFor: (base: string) => Promise<InstallPlan>;
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
  return async (draft, place) => {
    const plan = await askBase(questions, draft.plan, place);
    return plan === BACK || plan === LEFT ? plan : { ...draft, plan };
  };
}

async function askBase(
  { judged, planFor }: InstallQuestions,
  now: InstallPlan,
  place: StepPlace,
): Promise<Answer<InstallPlan>> {
  const items = baseRows(judged).map(item);
  const answer = await askPick(place, {
    items,
    placeholder: t('Base model in Ollama'),
    chosen: items.filter(({ row }) => row.base !== undefined && row.base === now.base),
    isAnswer: ({ row }) => row.base !== undefined,
  });
  if (answer === BACK || answer === LEFT) return answer;
  const base = answer[0]!.row.base!;
  return base === now.base ? now : planFor(base);
}

function planStep(questions: InstallQuestions): Step<InstallDraft> {
  return async (draft, place) => {
    let { plan } = draft;
    for (;;) {
      const rows = planRows(plan);
      const other: PlanRow = { kind: 'otherBase', label: `$(list-selection) ${t('Choose another base…')}` };
      // Behind a question for the base, the way back is that one.
      const hasOther = questions.judged.length > 0 && !needsBaseChoice(questions.judged);
      const items = [...rows, ...(hasOther ? [{ kind: 'separator' as const, label: '' }, other] : [])].map(item);
      const answer = await askPick(place, {
        items,
        placeholder: joinKnown([verdictTitle(plan.verdict), peerText(plan.verdict.reason, 120)]),
        isAnswer: ({ row }) => row.kind === 'route' || row.kind === 'otherBase',
        chosen: items.filter(({ row }) => row.kind === 'route' || row.kind === 'otherBase').slice(0, 1),
      });
      if (answer === BACK || answer === LEFT) return answer;
      const { row } = answer[0]!;
      if (row.kind === 'otherBase') {
        const next = await askBase(questions, plan, { ...place, step: 1, totalSteps: 1 });
        if (next !== BACK && next !== LEFT) plan = next;
        continue;
      }
      if (row.route && (await agrees(plan, row.route))) return { ...draft, plan, as: plan.model, route: row.route };
    }
  };
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
