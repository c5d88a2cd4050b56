/** A base model on this machine, as far as an adapter needs to know it. From `/api/show` or from a GGUF header. */
export interface BaseModel {
  /** Ollama name (`llama3.2:latest`) or path of a GGUF file. */
  readonly name: string;
  /** `sha256:<hex>` of the weights blob. */
  readonly digest?: string;
  /** `sha256:<hex>` from `fingerprintOfGguf`: the same for one model in several files. Absent until somebody needed it. */
  readonly fingerprint?: string;
  /** Names under which its own metadata knows the model, from `lineageOf`. What it was fine-tuned from is not among them. */
  readonly lineage: readonly string[];
  readonly architecture: string;
  readonly blockCount: number;
  readonly embeddingLength: number;
  readonly headCount: number;
  readonly headCountKv: number;
  /** Elements per head of q and k. */
  readonly headDim: number;
  readonly vocabSize?: number;
  /** GGUF tensor name → dimensions in GGUF order (ne0 first: [in, out]). Empty when the server did not tell. */
  readonly tensors: ReadonlyMap<string, readonly number[]>;
}
