import { quoted } from '../../problems';
import { isTied, type MergeBase } from './mergeBase';
import { cannotMerge, contradiction } from './refusals';
import type { LowRank, TensorChange } from '../tensorChange';

type Load = () => Promise<Float32Array>;

/** A change in the making: what each adapter adds to it. */
export interface Draft {
  readonly name: string;
  readonly dims: readonly number[];
  readonly source?: string;
  readonly low: LowRank[];
  readonly addends: { readonly load: Load; readonly factor: number }[];
  replacement?: NonNullable<TensorChange['replacement']>;
  magnitudes?: Load;
  rows?: NonNullable<TensorChange['rows']>;
}

const INPUT = 'token_embd.weight';
const OUTPUT = 'output.weight';

/** The changes of a merge, by tensor. A tied base has two ends here, which may stay one tensor. */
export class Drafts {
  readonly #drafts = new Map<string, Draft>();

  constructor(private readonly base: MergeBase) {}

  /** The change of a tensor that the base has, or of the output that a tied base lacks. */
  weight(name: string): Draft {
    const source = name === OUTPUT && isTied(this.base) ? INPUT : name;
    const dims = this.dimsOf(source);
    return this.#at(name, () => ({ name, dims, source, low: [], addends: [] }));
  }

  /** The change of a bias, also of one that the base does not have. */
  bias(name: string, rows: number): Draft {
    const source = this.base.header.tensors.has(name) ? { source: name } : {};
    return this.#at(name, () => ({ name, dims: [rows], ...source, low: [], addends: [] }));
  }

  /** GGUF order. */
  dimsOf(name: string): readonly number[] {
    const found = this.base.header.tensors.get(name);
    if (found) return found.dims;
    throw cannotMerge(`The adapter changes ${quoted(name)}, which the base does not have.`);
  }

  /** All changes, checked against each other. */
  finish(): readonly TensorChange[] {
    if (isTied(this.base)) this.#finishEnds();
    return [...this.#drafts.values()].map(finished);
  }

  /** Ends that change in the same way stay one tensor; else the output gets one of its own. */
  #finishEnds(): void {
    const [input, output] = [this.#drafts.get(INPUT), this.#drafts.get(OUTPUT)];
    if (!input && !output) return;
    if (input && output && isSame(input, output)) {
      this.#drafts.delete(OUTPUT);
      return;
    }
    this.weight(OUTPUT);
  }

  #at(name: string, make: () => Draft): Draft {
    const draft = this.#drafts.get(name) ?? make();
    this.#drafts.set(name, draft);
    return draft;
  }
}

function isSame(one: Draft, other: Draft): boolean {
  const isSameList = one.low.length === other.low.length && one.low.every((low, index) => low === other.low[index]);
  return (
    isSameList &&
    one.replacement === other.replacement &&
    one.magnitudes === other.magnitudes &&
    one.rows === other.rows
  );
}

function finished({ name, dims, source, low, addends, replacement, magnitudes, rows }: Draft): TensorChange {
  if (replacement && low.length > 0) throw contradiction(`The adapter changes ${quoted(name)} and replaces it, too.`);
  if (rows && (replacement || low.length > 0))
    throw contradiction(`The adapter changes ${quoted(name)} and replaces rows of it, too.`);
  // A bias that the base lacks is zero there.
  const start = replacement ?? (source === undefined ? zeros(dims) : undefined);
  return {
    name,
    dims,
    low,
    ...(source === undefined ? {} : { source }), // With a replacement, too: a new tensor gets its type.
    ...(start ? { replacement: start } : {}),
    ...(magnitudes ? { magnitudes } : {}),
    ...(addends.length > 0 ? { addend: () => summed(addends) } : {}),
    ...(rows ? { rows } : {}),
  };
}

function zeros(dims: readonly number[]) {
  const width = dims[0]!;
  const allRows = dims.slice(1).reduce((product, dimension) => product * dimension, 1);
  return (_firstRow = 0, rows = allRows): Promise<Float32Array> => Promise.resolve(new Float32Array(rows * width));
}

async function summed(addends: Draft['addends']): Promise<Float32Array> {
  const [first, ...others] = await Promise.all(
    addends.map(async ({ load, factor }) => ({ values: await load(), factor })),
  );
  const sum = Float64Array.from(first!.values, (value) => value * first!.factor);
  for (const { values, factor } of others) values.forEach((value, index) => (sum[index]! += factor * value));
  return Float32Array.from(sum);
}
