import type { InstallPlan, InstallRequest, InstallResult, RoutePlan } from '../engine/deployWishes';
import { oneOf, usage } from './args';
import { usedExtras } from './extras';
import { facts, formatBytes, table } from './format';
import { numberOf, weightedTarget } from './targets';
import { orNull, type Verb, type VerbContext } from './verbContext';

export const install: Verb = async (context) => {
  const { engine, output, signal } = context;
  const request = installRequest(context);
  const client = await engine();
  const plan = await client.wish('planInstall', request, { signal, onProgress: output.progress });
  if (context.args.options.plan) {
    output.result(planFields(plan), planLines(plan, context));
    return;
  }
  const route = plan.routes.find((one) => one.route === chosenRoute(request, plan));
  if (route) output.progress({ kind: 'install', message: routeLine(route) });
  const made = await client.wish('install', request, { signal, onProgress: output.progress });
  output.result(made, [
    ...facts([
      ['model', made.model],
      ['base', made.base],
      ['route', made.route],
      ['on disk', formatBytes(made.bytesOnDisk)],
      ['replaced', made.replaced],
    ]),
    effectLine(made.effect, context),
    `ollama run ${made.model}`,
  ]);
};

export const uninstall: Verb = async ({ args, engine, output, signal }) => {
  const client = await engine();
  const { model } = await client.wish('uninstall', { model: args.words[0]! }, { signal });
  output.result({ model }, [`Removed ${model}.`]);
};

/** No effect is bad news, and the user should not have to look for it. */
export function effectLine(
  { outcome, reason }: InstallResult['effect'],
  { output }: Pick<VerbContext, 'output'>,
): string {
  const [line = ''] = facts([['effect', reason]]);
  if (outcome === 'changed') return output.green(line);
  return outcome === 'not-checked' ? line : output.red(line);
}

function installRequest(context: VerbContext): InstallRequest {
  const { args, resolveTarget } = context;
  const { base, as, plan, update, use, weight, with: more, yes } = args.options;
  const route = oneOf('route', args.options.route, ['auto', 'create', 'pull', 'manifest', 'merge']);
  if (update && as !== undefined) throw usage('Either --update, which keeps the name, or --as.');
  if (plan && yes) throw usage('--plan only shows what would be done. Leave --yes out.');
  const scale = numberOf('weight', weight);
  const extras = usedExtras(use);
  return {
    target: resolveTarget(args.words[0]!),
    ...(scale === undefined ? {} : { weight: scale }),
    ...(more ? { more: more.map((word) => weightedTarget(word, context)) } : {}),
    ...(base === undefined ? {} : { base: resolveTarget(base) }),
    ...(as === undefined ? {} : { as }),
    ...(route ? { route } : {}),
    ...(yes ? { isCostConfirmed: true } : {}),
    ...(update ? { isUpdate: true } : {}),
    ...(extras ? { extras } : {}),
  };
}

function chosenRoute({ route }: InstallRequest, { chosen }: InstallPlan): InstallPlan['chosen'] {
  return route === undefined || route === 'auto' ? chosen : route;
}

function routeLine({ route, reason, bytesOnDisk, seconds }: RoutePlan): string {
  return `route ${route}: ${reason} Adds ${formatBytes(bytesOnDisk)}, takes about ${duration(seconds)}.`;
}

function planFields({ base, chosen, updates, extras, ...plan }: InstallPlan): object {
  return {
    ...plan,
    base: orNull(base),
    chosen: orNull(chosen),
    updates: orNull(updates),
    extras: orNull(extras),
  };
}

function planLines(plan: InstallPlan, { output }: VerbContext): string[] {
  const { verdict, base, model, updates, chosen, routes, problems, extras } = plan;
  const [header = '', ...rows] = table(
    ['ROUTE', 'POSSIBLE', 'ADDS', 'TIME', 'WHY'],
    routes.map(({ route, isPossible, bytesOnDisk, seconds, needsConsent, reason }) => [
      route === chosen ? `${route} *` : route,
      isPossible ? (needsConsent ? 'with --yes' : 'yes') : 'no',
      isPossible ? formatBytes(bytesOnDisk) : undefined,
      isPossible ? duration(seconds) : undefined,
      reason,
    ]),
  );
  const proposed = Object.entries(extras?.parameters ?? {}).map(([key, value]) => `${key}=${String(value)}`);
  return [
    ...facts([
      ['verdict', `${verdict.verdict}: ${verdict.reason}`],
      ['base', base],
      ['model', model],
      ['updates', updates],
      ...problems.map(({ severity, message }) => [severity === 'refuse' ? 'refused' : 'note', message] as const),
      ['proposes', extras ? `${Object.keys(extras).join(', ')}: what you want of it goes into --use` : undefined],
      ['  system', extras?.system],
      ['  template', extras?.template],
      ['  parameters', proposed.length > 0 ? proposed.join(', ') : undefined],
    ]),
    '',
    output.bold(header),
    ...rows,
    ...(chosen === undefined ? [] : ['', `* is taken without --route. Nothing was changed.`]),
  ];
}

function duration(seconds: number): string {
  if (seconds < 1) return 'a second';
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
