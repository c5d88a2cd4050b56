import type { MadeModel, MadeModels } from '../../src/engine/ollama/madeModels';

/** What we made, for the length of a test. */
export class MemoryMadeModels implements MadeModels {
  readonly #models = new Map<string, MadeModel>();

  add(model: string, record: MadeModel): void {
    this.#models.set(model, record);
  }

  get(model: string): MadeModel | undefined {
    return this.#models.get(model);
  }

  remove(model: string): void {
    this.#models.delete(model);
  }

  list(): (MadeModel & { readonly model: string })[] {
    return [...this.#models].map(([model, record]) => ({ model, ...record }));
  }
}
