import type { InstallPlan, InstallRequest, ModelfileExtra, RoutePlan, WeightedTarget } from '../../engine/deployWishes';

/** What the user is asked before a model is made. */
export interface InstallDraft {
  readonly plan: InstallPlan;
  /** The adapter that it is about, and further ones for the same model. */
  readonly adapters: readonly [WeightedTarget, ...WeightedTarget[]];
  readonly route?: RoutePlan;
  readonly isUpdate: boolean;
  readonly as: string;
  readonly extras: readonly ModelfileExtra[];
}

/** What is asked of the engine. What the user left as it was proposed is left to the engine. */
export function installRequest(draft: InstallDraft): InstallRequest {
  const { plan, route, as } = draft;
  return {
    ...adaptersOf(draft),
    ...(plan.base === undefined ? {} : { base: plan.base }),
    // What `auto` takes stays `auto`: should it fail, the next one is tried.
    ...(route === undefined || route.route === plan.chosen ? {} : { route: route.route }),
    ...(route?.needsConsent === true ? { isCostConfirmed: true } : {}),
    ...(draft.isUpdate ? { isUpdate: true } : as === plan.model ? {} : { as }),
    ...(draft.extras.length === 0 ? {} : { extras: draft.extras }),
  };
}

/** Only the adapters: what a plan is asked for. */
export function adaptersOf({
  adapters: [first, ...more],
}: Pick<InstallDraft, 'adapters'>): Pick<InstallRequest, 'target' | 'weight' | 'more'> {
  return {
    target: first.target,
    ...(first.weight === 1 ? {} : { weight: first.weight }),
    ...(more.length === 0 ? {} : { more }),
  };
}

/** A weight as people write it; `undefined` when it is none. Zero would leave the adapter out. */
export function readWeight(text: string): number | undefined {
  if (!/^[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)$/.test(text)) return undefined;
  const weight = Number(text.replace(',', '.'));
  return weight !== 0 && Math.abs(weight) <= MAX_WEIGHT ? weight : undefined;
}

/** As on the Merge page: far past what is of use. */
export const MAX_WEIGHT = 100;
