import type { InstallPlan, InstallRequest, ModelfileExtra, RoutePlan } from '../../engine/deployWishes';

/** What the user is asked before a model is made. */
export interface InstallDraft {
  readonly plan: InstallPlan;
  readonly route?: RoutePlan;
  readonly isUpdate: boolean;
  readonly as: string;
  readonly extras: readonly ModelfileExtra[];
}

/** What is asked of the engine. What the user left as it was proposed is left to the engine. */
export function installRequest(target: string, draft: InstallDraft): InstallRequest {
  const { plan, route, as } = draft;
  return {
    target,
    ...(plan.base === undefined ? {} : { base: plan.base }),
    // What `auto` takes stays `auto`: should it fail, the next one is tried.
    ...(route === undefined || route.route === plan.chosen ? {} : { route: route.route }),
    ...(route?.needsConsent === true ? { isCostConfirmed: true } : {}),
    ...(draft.isUpdate ? { isUpdate: true } : as === plan.model ? {} : { as }),
    ...(draft.extras.length === 0 ? {} : { extras: draft.extras }),
  };
}
