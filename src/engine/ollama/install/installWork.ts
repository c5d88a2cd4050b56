import { randomBytes } from 'node:crypto';
import type { InstallWork, MadeModel, MadeModels } from './madeModels';

/** Writes down what an install is about to leave, each time before it does. */
export class InstallWorkLog {
  #work: InstallWork;

  constructor(
    private readonly made: MadeModels,
    begun: Pick<InstallWork, 'url' | 'model' | 'base' | 'replaces'>,
  ) {
    const id = randomBytes(8).toString('hex');
    this.#work = { id, staged: [], blobs: [], files: [], ...begun };
    made.keepWork(this.#work);
  }

  get state(): InstallWork {
    return this.#work;
  }

  /** A model of this name, not finished. @returns the name */
  stages(name: string): string {
    this.#keep({ staged: [...this.#work.staged, name] });
    return name;
  }

  /** A blob that no model names yet. */
  uploads(digest: string): void {
    if (!this.#work.blobs.includes(digest)) this.#keep({ blobs: [...this.#work.blobs, digest] });
  }

  /** A file in the models folder that is to vanish. @returns its path */
  writes(file: string): string {
    this.#keep({ files: [...this.#work.files, file] });
    return file;
  }

  /** The model, under its final name. */
  publishes(made: MadeModel): void {
    this.#keep({ made });
  }

  /** It failed: what it made is to be taken back. */
  abandon(): void {
    this.#keep({ isAbandoned: true });
  }

  #keep(change: Partial<InstallWork>): void {
    this.#work = { ...this.#work, ...change };
    this.made.keepWork(this.#work);
  }
}
