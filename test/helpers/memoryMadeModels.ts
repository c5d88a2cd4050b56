import type { InstallWork, MadeModel, MadeModels } from '../../src/engine/ollama/install/madeModels';

/** What we made, for the length of a test. */
export class MemoryMadeModels implements MadeModels {
  readonly #models = new Map<string, MadeModel>();
  readonly #works = new Map<string, InstallWork>();

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

  keepWork(work: InstallWork): void {
    this.#works.set(work.id, structuredClone(work));
  }

  endWork(id: string): void {
    this.#works.delete(id);
  }

  works(): InstallWork[] {
    return [...this.#works.values()];
  }
}
