import type { InstallWork, MadeModel } from '../../store/madeModels';

export type { InstallWork, MadeModel };

/** What this machine made in Ollama, and is making. Only these models may be removed. Names are kept as `install` gave them. */
export interface MadeModels {
  add(model: string, record: MadeModel): void;
  get(model: string): MadeModel | undefined;
  remove(model: string): void;
  list(): readonly (MadeModel & { readonly model: string })[];
  /** Keeps the state of an install. Replaces what was kept under its id. */
  keepWork(work: InstallWork): void;
  endWork(id: string): void;
  works(): readonly InstallWork[];
}
