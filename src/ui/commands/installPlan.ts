import type { InstallPlan, InstallRouteName, RoutePlan } from '../../engine/deployWishes';
import type { VerdictState } from '../../engine/state';
import type { LocalModel } from '../../engine/wishes';
import { engineText } from '../engineText';
import { formatBytes, formatSeconds, joinKnown } from '../facts';
import { t } from '../l10n';
import { peerText } from '../text';
import { proposed } from './installExtras';

/** Two lines of a quick pick. */
const MAX_REASON = 240;

/** A row of a question, free of `vscode`. A `separator` starts a group, a `note` is only to be read. */
export interface PlanRow {
  readonly kind: 'separator' | 'note' | 'route' | 'base' | 'otherBase' | 'adapter' | 'addAdapter';
  readonly label: string;
  readonly description?: string;
  readonly detail?: string;
  readonly route?: RoutePlan;
  readonly base?: string;
  /** Which of the adapters of the model. */
  readonly at?: number;
}

/** What is possible first, what it costs beside it; then what is not, and why; then what the user should know. */
export function planRows(plan: InstallPlan): PlanRow[] {
  const chosen = plan.routes.find(({ route, isPossible }) => route === plan.chosen && isPossible);
  const others = plan.routes.filter((one) => one.isPossible && one !== chosen);
  const impossible = plan.routes.filter(({ isPossible }) => !isPossible);
  const [first, more] = chosen ? [[chosen], others] : [others, []];
  return [
    ...first.map((route) => routeRow(plan, route)),
    ...group(
      t('Other ways'),
      more.map((route) => routeRow(plan, route)),
    ),
    ...group(
      t('Not possible here'),
      impossible.map(({ route, reason }) => ({
        kind: 'note' as const,
        label: `$(circle-slash) ${capital(routeName(route))}`,
        detail: peerText(reason, MAX_REASON),
      })),
    ),
    ...group(t('Please note'), problemRows(plan)),
  ];
}

/** `Add to llama3.2 as an adapter: 24 MB, 2 s`. */
export function routeTitle(plan: Pick<InstallPlan, 'base'>, route: RoutePlan): string {
  const base = peerText(plan.base?.replace(/:latest$/, ''), 60) || t('the base model');
  const bytes = formatBytes(route.bytesOnDisk);
  const seconds = formatSeconds(route.seconds);
  return route.route === 'merge'
    ? t('Merge into a copy of {0}: {1}, {2}', base, bytes, seconds)
    : t('Add to {0} as an adapter: {1}, {2}', base, bytes, seconds);
}

/** How, in two or three words. */
export function routeName(route: InstallRouteName): string {
  switch (route) {
    case 'create':
      return t('made by Ollama');
    case 'pull':
      return t('through a registry on this machine');
    case 'manifest':
      return t('written into the models folder');
    case 'merge':
      return t('merged into a copy of the base');
  }
}

function routeRow(plan: InstallPlan, route: RoutePlan): PlanRow {
  return {
    kind: 'route',
    label: `$(${route.route === 'merge' ? 'combine' : 'layers'}) ${routeTitle(plan, route)}`,
    // The title of a merge says already that it is one.
    description: joinKnown([
      route.route === 'merge' ? undefined : routeName(route.route),
      route.needsConsent ? t('asks first') : undefined,
    ]),
    detail: engineText(route.reason, MAX_REASON),
    route,
  };
}

function problemRows(plan: InstallPlan): PlanRow[] {
  return plan.problems.map(({ severity, blocks, message }) => ({
    kind: 'note',
    label: `$(${severity === 'refuse' ? 'error' : 'warning'}) ${engineText(message, 160)}`,
    ...(blocks === 'gguf' ? { detail: t('Merged into a base model, it works as it was trained.') } : {}),
  }));
}

/** A base with what it is to this adapter. */
export interface JudgedModel {
  readonly model: LocalModel;
  readonly verdict: VerdictState;
}

export const fits = ({ verdict }: JudgedModel): boolean =>
  verdict.verdict === 'exact' || verdict.verdict === 'same-shape';

/** Whether the user has to say which: nobody else can know when several fit. */
export function needsBaseChoice(judged: readonly JudgedModel[]): boolean {
  return judged.filter((one) => fits(one) && one.model.adapterOf === undefined).length > 1;
}

/** The exact base first, then what has the shape, then models that carry an adapter already; last, why the others do not fit. */
export function baseRows(judged: readonly JudgedModel[]): PlanRow[] {
  const plain = judged.filter((one) => fits(one) && one.model.adapterOf === undefined);
  const stacked = judged.filter((one) => fits(one) && one.model.adapterOf !== undefined);
  const others = judged.filter((one) => !fits(one));
  const byVerdict = [...plain].sort((a, b) => Number(isExact(b)) - Number(isExact(a)));
  return [
    ...byVerdict.map(baseRow),
    ...group(t('On top of another adapter'), stacked.map(baseRow)),
    ...group(
      t('Do not fit'),
      others.map(({ model, verdict }) => ({
        kind: 'note' as const,
        label: `$(circle-slash) ${peerText(model.name)}`,
        description: peerText(model.architecture),
        detail: engineText(verdict.reason, MAX_REASON),
      })),
    ),
  ];
}

function baseRow({ model, verdict }: JudgedModel): PlanRow {
  const isSure = verdict.verdict === 'exact';
  return {
    kind: 'base',
    label: `$(${isSure ? 'pass' : 'circle-outline'}) ${peerText(model.name)}`,
    description: joinKnown([
      isSure ? t('its base') : t('same shape, lineage unknown'),
      model.adapterOf === undefined ? undefined : t('adapter over {0}', peerText(model.adapterOf)),
      peerText(model.architecture),
      formatBytes(model.bytes),
    ]),
    base: model.name,
  };
}

const isExact = ({ verdict }: JudgedModel): boolean => verdict.verdict === 'exact';

const capital = (text: string): string => text.charAt(0).toLocaleUpperCase() + text.slice(1);

function group(label: string, rows: readonly PlanRow[]): PlanRow[] {
  return rows.length === 0 ? [] : [{ kind: 'separator', label }, ...rows];
}

/** Whether an install needs no question but the one that was asked: nothing to agree to, to tick or to replace. */
export function isPlain(plan: InstallPlan): boolean {
  const chosen = plan.routes.find(({ route }) => route === plan.chosen);
  return (
    chosen?.isPossible === true &&
    !chosen.needsConsent &&
    plan.updates === undefined &&
    proposed(plan.extras).length === 0
  );
}
