import type { MergedType, MergeIntoBasePlan } from '../../engine/deployWishes';
import { formatBytes, joinKnown } from '../facts';
import { t } from '../l10n';
import { peerText } from '../text';

/** A type that changed tensors can get, with what the file would be then. */
export interface TypeRow {
  readonly label: string;
  readonly description: string;
  readonly detail: string;
  readonly type: MergedType;
  /** Of the whole file, in words. */
  readonly size: string;
}

export const MERGED_TYPES = ['keep', 'q8_0', 'f16', 'f32'] as const satisfies readonly MergedType[];

export function typeRow(type: MergedType, plan: MergeIntoBasePlan): TypeRow {
  const bytes = formatBytes(plan.bytes);
  const size = plan.retyped ? bytes : t('about {0}', bytes);
  return {
    label: type === 'keep' ? t('As the base has it') : type.toUpperCase(),
    description: size,
    detail: joinKnown([perWeight(type), retypedText(type, plan)], ' '),
    type,
    size,
  };
}

function perWeight(type: MergedType): string | undefined {
  switch (type) {
    case 'q8_0':
      return t('1.06 bytes a weight.');
    case 'f16':
      return t('2 bytes a weight.');
    case 'f32':
      return t('4 bytes a weight, exact.');
    case 'keep':
      return undefined;
  }
}

function retypedText(type: MergedType, { retyped }: MergeIntoBasePlan): string {
  if (!retyped)
    return type === 'keep'
      ? t('Where its type cannot be written exactly enough, changed tensors become Q8_0 or F16.')
      : t('Changed tensors only.');
  if (retyped.length === 0) return t('No tensor changes its type.');
  const counts = new Map<string, number>();
  for (const { from, to } of retyped) counts.set(`${from} → ${to}`, (counts.get(`${from} → ${to}`) ?? 0) + 1);
  return peerText([...counts].map(([types, count]) => `${count} × ${types}`).join(', '));
}
