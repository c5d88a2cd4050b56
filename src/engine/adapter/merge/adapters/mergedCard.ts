import type { MergeMethod } from '../../../deployWishes';
import { quoted } from '../../problems';
import type { MergePart } from './mergeFit';

export interface CardOfMerge {
  readonly parts: readonly MergePart[];
  readonly method: MergeMethod;
  readonly rank?: number;
  readonly density?: number;
  readonly seed?: number;
  readonly baseModel?: string;
  /** Relative Frobenius error of the whole. */
  readonly error: number;
  readonly warnings: readonly string[];
}

/** README.md of a merged adapter: what it is made of, and nothing that its parts do not say. */
export function mergedCard(card: CardOfMerge): string {
  const license = licenseOf(card.parts);
  const front = [
    '---',
    ...(card.baseModel === undefined ? [] : [`base_model: ${JSON.stringify(quoted(card.baseModel))}`]),
    ...(license === undefined ? [] : [`license: ${license}`]),
    'library_name: peft',
    'tags: [lora, merge]',
    '---',
  ];
  const lines = card.parts.map(
    ({ label, weight, id, info }) =>
      `| ${plain(label)} | ${weight} | ${id === undefined ? '' : `\`${id}\``} | ${plain(info.baseModel ?? 'unknown')} | ${plain(info.license ?? 'unknown')} |`,
  );
  return [
    ...front,
    '',
    '# Merged adapter',
    '',
    `${HOW[card.method]}${settingsOf(card)}`,
    '',
    '| part | weight | content id | base | license |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
    '',
    ...(license === undefined ? ['The parts have no common license: look at each of them.', ''] : []),
    ...card.warnings.flatMap((warning) => [plain(warning), '']),
  ].join('\n');
}

const HOW: Readonly<Record<MergeMethod, string>> = {
  concat: 'The exact weighted sum of these adapters.',
  svd: 'The weighted sum of these adapters, cut to a smaller rank by SVD.',
  ties: 'Merged by TIES (arXiv:2306.01708).',
  dare: 'Merged by DARE with a linear sum (arXiv:2311.03099).',
};

function settingsOf({ method, rank, density, seed, error }: CardOfMerge): string {
  if (method === 'concat') return '';
  const off = `relative error ${error.toPrecision(3)} (Frobenius norm of ΔW)`;
  const settings = [
    ...(rank === undefined ? [] : [`rank ${rank}`]),
    ...(density === undefined ? [] : [`density ${density}`]),
    ...(seed === undefined ? [] : [`seed ${seed}`]),
    off,
  ];
  return ` ${settings.join(', ')}.`.replace(/^ r/, ' R');
}

/** Only what every part says. */
function licenseOf(parts: readonly MergePart[]): string | undefined {
  const [first] = parts;
  return parts.every(({ info }) => info.license === first?.info.license) ? first?.info.license : undefined;
}

/** Text of somebody else inside Markdown. */
function plain(text: string): string {
  return quoted(text).replace(/[\\`*_{}[\]<>|#!]/g, '\\$&');
}
