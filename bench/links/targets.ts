import type { Section } from '../section';

export interface Target {
  readonly limit: number;
  /** `least`: the limit or more. `most`: the limit or less. `below`: less than the limit. */
  readonly kind: 'least' | 'most' | 'below';
}

export type Row = Section['rows'][number];

export const least = (limit: number): Target => ({ limit, kind: 'least' });
export const most = (limit: number): Target => ({ limit, kind: 'most' });
export const below = (limit: number): Target => ({ limit, kind: 'below' });

/** One figure, and what it has to be when there is a target for it. */
export function figure(name: string, measured: number, unit: string, target?: Target): Row {
  if (!target) return { name, values: { measured, unit } };
  const sign = { least: '>=', most: '<=', below: '<' }[target.kind];
  const verdict = isMet(measured, target) ? 'met' : 'missed';
  return { name, values: { measured, unit, target: `${sign} ${target.limit}`, verdict } };
}

/** A row that could not be measured on this machine. */
export function leftOut(name: string): Row {
  return { name, values: { verdict: 'left out' } };
}

/** A table of figures, each with its target. */
export function targetSection(parts: Pick<Section, 'name' | 'title' | 'rows' | 'notes'>): Section {
  return {
    ...parts,
    columns: [
      { key: 'measured', header: 'measured', digits: 2 },
      { key: 'unit', header: 'unit', digits: 0 },
      { key: 'target', header: 'target', digits: 0 },
      { key: 'verdict', header: '', digits: 0 },
    ],
  };
}

function isMet(measured: number, { limit, kind }: Target): boolean {
  if (kind === 'least') return measured >= limit;
  return kind === 'most' ? measured <= limit : measured < limit;
}
