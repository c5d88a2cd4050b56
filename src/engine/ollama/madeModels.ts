/** A model that we made in Ollama. */
export interface MadeModel {
  /** SHA-256 of its manifest file, hex, as `/api/tags` says it. Another digest: the user replaced the model. */
  readonly digest: string;
  /** Content id of the adapter in it. */
  readonly adapterId: string;
}

/** What this machine made in Ollama. Only these models may be removed. Names are kept as `install` gave them. */
export interface MadeModels {
  add(model: string, record: MadeModel): void;
  get(model: string): MadeModel | undefined;
  remove(model: string): void;
  list(): readonly (MadeModel & { readonly model: string })[];
}
