import type { Architecture } from '../../architectures/architecture';
import { quoted } from '../../problems';
import { columnScaled } from './columnDora';
import type { Draft, Drafts } from './drafts';
import { placeOf, requireBaseShape, rowValues, trainedRows, wholeWeight } from './extras';
import { lowRankOf } from './lowRanks';
import { isTied, type MergeBase } from './mergeBase';
import type { PartContent, PlacedExtra, PlacedPair } from './partContent';
import { cannotMerge, contradiction, wrongShape } from './refusals';
import { ggufTensor, valuesOf, type WeightsFile } from './weightsFile';

const INPUT = 'token_embd.weight';
const OUTPUT = 'output.weight';

/** One adapter on its way into the changes of a base. */
export interface Adding {
  readonly content: PartContent;
  readonly base: MergeBase;
  readonly baseFile: WeightsFile;
  /** Absent for bases that only a LoRA GGUF, which has nothing beside its pairs, can be merged into. */
  readonly architecture: Architecture | undefined;
  readonly drafts: Drafts;
  readonly signal: AbortSignal | undefined;
}

/** Adds what one adapter does, as PEFT, MLX-LM or llama.cpp do it. @throws {LoraSwarmError} as `changesFor` */
export function addPart(adding: Adding): void {
  const { extras, pairs } = adding.content;
  const magnitudes = new Map(extras.filter(({ role }) => role === 'magnitude').map((extra) => [extra.name, extra]));
  for (const placed of pairs) {
    addPair(adding, placed, magnitudes.get(placed.pair.name));
    magnitudes.delete(placed.pair.name);
  }
  for (const name of magnitudes.keys()) throw contradiction(`${quoted(name)} has a DoRA magnitude and no pair.`);
  for (const extra of extras) addExtra(adding, extra);
}

function addPair(adding: Adding, placed: PlacedPair, magnitude: PlacedExtra | undefined): void {
  const { content, base, drafts } = adding;
  const { pair, tensor } = placed;
  const { isDora } = content.config;
  if (isDora !== (magnitude !== undefined)) {
    const missing = isDora
      ? 'the file has no magnitude of'
      : 'the config is not one of DoRA, but the file has a magnitude of';
    throw contradiction(`The adapter contradicts itself: ${missing} ${quoted(pair.name)}.`);
  }
  const low = lowRankOf(content, placed, base.model);
  if (low.factor === 0 && !magnitude) return; // Nothing is added: the tensor stays as it is, byte for byte.

  const shape = pair.isEmbedding ? [pair.inFeatures, pair.outFeatures] : [pair.outFeatures, pair.inFeatures];
  const lengths = magnitude && rowValues(content.file, magnitude.stored, tensor, base.model);
  for (const end of pairEnds(adding, tensor)) {
    const draft = drafts.weight(end);
    requireBaseShape(pair.name, { shape }, end, draft.dims);
    if (!magnitude || !lengths) draft.low.push(low);
    else if (pair.isEmbedding && content.info.format === 'peft') {
      requireCount(magnitude, pair.outFeatures);
      const source = ggufTensor(base.header.tensors.get(draft.source!)!);
      draft.replacement = columnScaled(adding.baseFile, source, [low], lengths, adding.signal);
    } else {
      requireCount(magnitude, shape[0]!);
      draft.low.push(low);
      draft.magnitudes = lengths;
    }
  }
}

function requireCount({ name, stored }: PlacedExtra, count: number): void {
  if (valuesOf(stored) !== count) throw wrongShape(name, stored.shape, [count]);
}

/**
 * Where a pair acts in a tied base. PEFT wraps the module that it names and leaves the other end alone; MLX-LM wraps the one
 * module that is both.
 */
function pairEnds({ base, content }: Adding, tensor: string): readonly string[] {
  if (tensor !== INPUT || !isTied(base) || content.info.format === 'peft') return [tensor];
  if (content.info.format === 'mlx') return [INPUT, OUTPUT];
  throw cannotMerge(
    'This LoRA file changes the embedding of a base that uses it for the output, too, and does not say which of both it means. Merge the adapter that it was made from.',
  );
}

function addExtra(adding: Adding, extra: PlacedExtra): void {
  const { role, name } = extra;
  if (role === 'magnitude') return; // With its pair.
  const { architecture, content } = adding;
  if (!architecture || content.info.format !== 'peft')
    throw cannotMerge(`The adapter holds a tensor of ${quoted(name)} beside its pairs that is not understood.`);
  ADD[role]({ ...adding, architecture }, extra);
}

const ADD: Readonly<Record<Exclude<PlacedExtra['role'], 'magnitude'>, (known: Known, extra: PlacedExtra) => void>> = {
  'base-copy': checkCopy,
  'a-bias': refuseBiasOfA,
  'b-bias': addLoraBias,
  bias: replaceBias,
  'saved-module': replaceWeight,
  'token-rows': replaceRows,
};

type Known = Adding & { readonly architecture: Architecture };

function checkCopy({ drafts, base, architecture }: Known, extra: PlacedExtra): void {
  const { tensor } = placeOf(extra, 'weight', architecture);
  const stands = tensor === OUTPUT && isTied(base) ? INPUT : tensor;
  requireBaseShape(extra.name, extra.stored, tensor, drafts.dimsOf(stands));
}

function refuseBiasOfA(_known: Known, { name }: PlacedExtra): never {
  throw cannotMerge(`${quoted(name)} has a bias behind A, which no version of PEFT that we know makes.`);
}

function addLoraBias(known: Known, extra: PlacedExtra): void {
  const { content, base } = known;
  const { name, stored } = extra;
  const placed = content.pairs.find(({ pair }) => pair.name === name);
  if (!placed) throw contradiction(`${quoted(name)} has a bias behind B and no pair.`);
  if (!content.config.hasLoraBias || content.config.isDora)
    throw contradiction(`${quoted(name)} has a bias behind B, which the config rules out.`);
  const draft = biasDraft(known, extra);
  const factor = content.weight * placed.module.scale!;
  if (factor !== 0) draft.addends.push({ load: rowValues(content.file, stored, draft.name, base.model), factor });
}

function replaceBias(known: Known, extra: PlacedExtra): void {
  const { content, base } = known;
  if (content.config.bias === 'none' && !isWrapped(known, extra))
    throw contradiction(`The adapter holds a bias of ${quoted(extra.name)}, but its config says bias=none.`);
  const draft = biasDraft(known, extra);
  draft.replacement = rowValues(content.file, extra.stored, draft.name, base.model);
}

function biasDraft({ drafts, base, architecture }: Known, extra: PlacedExtra): Draft {
  const { name, stored } = extra;
  const { tensor } = placeOf(extra, 'bias', architecture);
  const target = /^blk\.\d+\.(\w+)\.bias$/.exec(tensor)?.[1] ?? '';
  if (!base.header.tensors.has(tensor) && !architecture.biases.includes(target))
    throw cannotMerge(
      `The adapter trained a bias of ${quoted(name)}. ${quoted(architecture.name)} models have none there, and llama.cpp loads no file that adds one.`,
    );
  const dims = drafts.dimsOf(tensor.replace(/bias$/, 'weight'));
  const rows = dims.at(-1)!;
  if (valuesOf(stored) !== rows) throw wrongShape(name, stored.shape, [rows]);
  return drafts.bias(tensor, rows);
}

function replaceWeight(known: Known, extra: PlacedExtra): void {
  const { content, drafts, base, architecture } = known;
  const place = placeOf(extra, 'weight', architecture);
  const isEnd = place.tensor === INPUT || place.tensor === OUTPUT;
  // modules_to_save trains a copy beside the other end; a weight that is only saved along is the one of both.
  const ends = isEnd && isTied(base) && !isWrapped(known, extra) ? [INPUT, OUTPUT] : [place.tensor];
  const { dims } = drafts.weight(ends[0]!);
  const replacement = wholeWeight(content.file, extra, place, dims, base.model, architecture);
  for (const end of ends) drafts.weight(end).replacement = replacement;
}

/** PEFT wraps every module whose path ends like a word of `modules_to_save`, with all that is in it. */
function isWrapped({ content }: Known, { module, stored }: PlacedExtra): boolean {
  if (stored.name.includes('.modules_to_save.')) return true;
  const parts = module.split('.');
  const paths = parts.map((_, index) => parts.slice(0, index + 1).join('.'));
  return content.config.modulesToSave.some((end) => paths.some((path) => path.endsWith(end)));
}

function replaceRows(known: Known, extra: PlacedExtra): void {
  const { content, drafts, base, architecture } = known;
  const { tensor } = placeOf(extra, 'weight', architecture);
  const hasOwn = content.extras.some(
    (other) => other.role === 'token-rows' && placeOf(other, 'weight', architecture).tensor === OUTPUT,
  );
  // PEFT keeps tied ends in step, unless the output got rows of its own.
  const ends = tensor === INPUT && isTied(base) && !hasOwn ? [INPUT, OUTPUT] : [tensor];
  const rows = trainedRows(content.file, extra, content.config, drafts.weight(ends[0]!).dims);
  for (const end of ends) drafts.weight(end).rows = rows;
}
