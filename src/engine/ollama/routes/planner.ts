import type { InstallRoute, InstallRouteName, RoutePlan } from '../../deployWishes';
import { LoraSwarmError } from '../../errors';
import { createRoute } from './createRoute';
import type { Ground } from './ground';
import type { Route } from '../install/installJob';
import { manifestRoute } from './manifestRoute';
import { mergeRoute, requireConsent } from './mergeRoute';
import { registryRoute } from './registryRoute';

/** In order of preference: cheapest and closest to what Ollama means to be used for first. */
export const ROUTES: readonly Route[] = [createRoute, registryRoute, manifestRoute, mergeRoute];

/** Every way to make the model, what it costs here, or why it does not work. */
export function planRoutes(ground: Ground): readonly RoutePlan[] {
  return ROUTES.map((route) => route.plan(ground));
}

/** The user's wish for a route, as far as it decides. */
export interface RouteChoice {
  readonly route: InstallRoute;
  /** The user agreed to what a route costs that needs consent. Choosing it by name says the same. */
  readonly isCostConfirmed: boolean;
}

/** What an install would begin with: the chosen route, else the first that works. `undefined` when nothing does. */
export function firstRoute(plans: readonly RoutePlan[], { route }: Pick<RouteChoice, 'route'>) {
  return plans.find((plan) => plan.isPossible && (route === 'auto' || plan.route === route))?.route;
}

/**
 * The routes to try, in order.
 *
 * @throws {LoraSwarmError} `CONFIRM_NEEDED` when only what costs a full model works and nobody agreed to that,
 * `OLLAMA_ROUTE_UNAVAILABLE` with the reasons.
 */
export function routesToTry(plans: readonly RoutePlan[], { route, isCostConfirmed }: RouteChoice): readonly Route[] {
  const wanted = plans.filter((plan) => route === 'auto' || plan.route === route);
  const works = wanted.filter(({ isPossible }) => isPossible);
  const agreed = works.filter(({ needsConsent }) => !needsConsent || isCostConfirmed || route !== 'auto');
  if (agreed.length > 0) return agreed.map((plan) => routeNamed(plan.route));
  if (works[0]) return requireConsent(works[0].bytesOnDisk);
  throw noRoute(wanted);
}

export function routeNamed(name: InstallRouteName): Route {
  return ROUTES.find((route) => route.name === name)!;
}

function noRoute(plans: readonly RoutePlan[]): LoraSwarmError {
  const routes = Map.groupBy(plans, ({ reason }) => reason);
  const reasons = [...routes].map(([reason, same]) => `${same.map(({ route }) => route).join(', ')}: ${reason}`);
  const [only] = routes.keys();
  const message =
    routes.size === 1 && only !== undefined ? only : `No way to add this adapter works here. ${reasons.join(' ')}`;
  return new LoraSwarmError('OLLAMA_ROUTE_UNAVAILABLE', message);
}
