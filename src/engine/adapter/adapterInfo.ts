import type { AdapterFormat } from '../state';

/** Something about an adapter that its user should know. `refuse` means it is not shared, converted or installed. */
export interface AdapterProblem {
  readonly code: string;
  readonly severity: 'refuse' | 'warn';
  /**
   * A sound adapter that a LoRA GGUF can't carry without changing what it does. `gguf`: merged into its base it does
   * (DoRA, trained biases, …). `install`: we know no exact way at all (PiSSA, activated LoRA, …).
   */
  readonly blocks?: 'gguf' | 'install';
  readonly message: string;
}

/** One LoRA pair: `delta = scale · B · A`, with A of shape [rank, inFeatures] and B of shape [outFeatures, rank]. */
export interface AdapterModule {
  /** Hugging Face module path without wrapper prefixes: `model.layers.0.self_attn.q_proj`. GGUF: the base tensor's name. */
  readonly name: string;
  /** Last part of the name, what `target_modules` calls it: `q_proj`. GGUF: the name without block number. */
  readonly target: string;
  /** Block number, absent for modules outside the blocks (`lm_head`, `embed_tokens`). */
  readonly layer?: number;
  readonly rank: number;
  /** Absent when no file says it. */
  readonly alpha?: number;
  /** Factor in front of B·A, with rsLoRA and patterns applied. Absent when alpha is unknown. */
  readonly scale?: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly isEmbedding: boolean;
}

/** What an adapter is, read from headers and config. Tensors are not loaded. What no file says is absent. */
export interface AdapterInfo {
  readonly format: AdapterFormat;
  /** Absolute path of the file with the weights. */
  readonly weightsPath: string;
  readonly configPath?: string;
  readonly cardPath?: string;
  /** As the config names it, unless that is a path of this machine: then absent, and `privateValues` lists the key. */
  readonly baseModel?: string;
  /** GGUF architecture (`llama`, `qwen2`, …), when names and shapes leave no doubt or the file says it. */
  readonly architecture?: string;
  /** Present when all modules agree. */
  readonly rank?: number;
  readonly alpha?: number;
  readonly scale?: number;
  /** Sorted, each once. */
  readonly targets: readonly string[];
  readonly modules: readonly AdapterModule[];
  readonly pairs: number;
  /** Elements of all A and B. */
  readonly parameters: number;
  /** Size of the weights file. */
  readonly bytes: number;
  /** `F32`, `F16`, `BF16`, or `mixed`. */
  readonly dtype?: string;
  readonly license?: string;
  readonly tags: readonly string[];
  /** Tokens of the embeddings that it brings whole: not those of its base when the vocabulary was changed. */
  readonly vocabulary?: number;
  /** Keys of the config, or of a GGUF, whose values are paths of this machine. They are taken out before sharing. */
  readonly privateValues: readonly string[];
  readonly problems: readonly AdapterProblem[];
}

/** What a peer can say about an adapter before the download, enough to judge it against a base. A few hundred bytes. */
export interface AdapterShape {
  readonly architecture?: string;
  readonly baseModel?: string;
  /** `sha256:<hex>` of the base weights, when the author had them in Ollama. */
  readonly baseDigest?: string;
  /** `sha256:<hex>` of those weights whatever file they are in, from `fingerprintOfGguf`, when that file could be read. */
  readonly baseFingerprint?: string;
  /** Highest block number + 1 that the adapter touches. */
  readonly blocks: number;
  /** Distinct targets with their [inFeatures, outFeatures]. */
  readonly dims: Readonly<Record<string, readonly [number, number]>>;
}
