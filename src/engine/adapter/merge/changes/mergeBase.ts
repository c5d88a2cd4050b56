import type { BaseModel } from '../../baseModel';
import { readGgufHeader, type GgufHeader, type GgufTensor } from '../../gguf';
import { baseModelFromHeader } from '../../ggufBaseModel';

/** The GGUF of a whole model that adapters are merged into. Tensors are not loaded. */
export interface MergeBase {
  readonly path: string;
  readonly header: GgufHeader;
  readonly model: BaseModel;
}

/** @throws {LoraSwarmError} `BASE_UNKNOWN` when the file is no model or leaves its shape out, `ADAPTER_UNREADABLE`. */
export async function readMergeBase(path: string): Promise<MergeBase> {
  const header = await readGgufHeader(path);
  return { path, header, model: baseModelFromHeader(path, header) };
}

/** Whether the output of the model uses the embedding of its input. */
export function isTied({ header }: MergeBase): boolean {
  return !header.tensors.has('output.weight');
}

/** Types in which a weight is so near to what was trained that a formula over all of it still says what it said. */
const FINE: ReadonlySet<string> = new Set(['F64', 'F32', 'BF16', 'F16', 'Q8_0']);

/** The first matrix in a coarser type than Q8_0. */
export function coarseTensor({ header }: MergeBase): GgufTensor | undefined {
  return [...header.tensors.values()].find(({ dims, type }) => dims.length > 1 && !FINE.has(type.name));
}
