/** Module path inside a block, as Hugging Face names it → name of the base tensor inside its block, without `.weight`. */
export type TensorTable = Readonly<Record<string, string>>;

/**
 * What has to be known of a family of base models to put an adapter on it. One file for each; `../architectures.ts` lists
 * them. Facts come from llama.cpp's converter and are proven by logits: a family without such a proof is not listed.
 */
export interface Architecture {
  /** `general.architecture` of its GGUF files. */
  readonly name: string;
  /** Classes of transformers whose weights llama.cpp keeps under this name. */
  readonly classes: readonly string[];
  /** Whole model names of hubs, lower case, sizes included: `Llama-4`, `-Vision` and `-A3B` are not among them. */
  readonly hubNames: readonly RegExp[];
  /** Weights of a block that a LoRA can change. */
  readonly block: TensorTable;
  /** Weights outside the blocks that a LoRA can change. */
  readonly outer: TensorTable;
  /** Norms of a block: no LoRA changes them, but an adapter may replace them. */
  readonly blockNorms: TensorTable;
  readonly outerNorms: TensorTable;
  /** llama.cpp keeps the weights of norms with this added. */
  readonly normShift?: number;
  /** Tensors whose rows llama.cpp keeps with the halves of each head interleaved, and which heads theirs are. */
  readonly interleaved?: Readonly<Record<string, 'headCount' | 'headCountKv'>>;
  /** Tensors of a block that llama.cpp adds a bias to when the file has one. Any other bias keeps the file from loading. */
  readonly biases: readonly string[];
  /** llama.cpp takes the input's embedding for the output, and does not load a file that has one of its own for it. */
  readonly isAlwaysTied?: boolean;
}
