import type { WeightedTarget } from '../../engine/deployWishes';
import { formatNumber, t } from '../l10n';
import { askText, BACK, LEFT, type StepPlace } from '../steps';
import { MAX_WEIGHT, readWeight, type InstallDraft } from './installDraft';
import type { PlanRow } from './installPlan';

type Adapters = InstallDraft['adapters'];

/** As many as anybody weighs by hand. */
const MAX_ADAPTERS = 8;

/** Which adapters the model gets and how strongly each acts; each row changes its own. */
export function adapterRows(adapters: Adapters, nameOf: (target: string) => string): PlanRow[] {
  const rows = adapters.map(({ target, weight }, at): PlanRow => ({
    kind: 'adapter',
    label: `$(layers) ${nameOf(target)}`,
    description: t('weight {0}', formatNumber(weight, 3)),
    at,
  }));
  const add: PlanRow[] =
    adapters.length < MAX_ADAPTERS
      ? [{ kind: 'addAdapter', label: `$(add) ${t('Another adapter for this model…')}` }]
      : [];
  return [{ kind: 'separator', label: t('Adapters of the model') }, ...rows, ...add];
}

/** Asks how strongly one of them acts. Of the further ones, nothing takes it away. */
export async function askWeight(
  adapters: Adapters,
  at: number,
  name: string,
  place: StepPlace,
): Promise<Adapters | undefined> {
  const isFirst = at === 0;
  const text = await askText(
    { ...place, step: 1, totalSteps: 1 },
    {
      prompt: isFirst
        ? t('How strongly {0} acts: 1 is as it was trained, less is weaker, negative takes away', name)
        : t('How strongly {0} acts: 1 is as it was trained; empty leaves it out', name),
      value: String(adapters[at]!.weight),
      check: (value) =>
        readWeight(value) !== undefined || (!isFirst && value === '')
          ? undefined
          : t('A number between -{0} and {0}, and not 0.', MAX_WEIGHT),
    },
  );
  if (text === BACK || text === LEFT) return undefined;
  const [first, ...more] = adapters;
  const weight = readWeight(text);
  if (isFirst) return [{ ...first, weight: weight ?? first.weight }, ...more];
  const changed = more.flatMap((one, index): WeightedTarget[] => {
    if (index !== at - 1) return [one];
    return weight === undefined ? [] : [{ ...one, weight }];
  });
  return [first, ...changed];
}
