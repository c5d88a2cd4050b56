import type { Logger } from '../log';
import type { OllamaClient, OnStatus } from './client';
import type { Blob } from './digest';

/** What every route gets: checked, and the same for all of them. */
export interface InstallJob {
  readonly client: OllamaClient;
  readonly log: Logger;
  /** Free name for the new model. */
  readonly model: string;
  readonly base: {
    /** Exactly as `/api/tags` lists it. */
    readonly name: string;
    /** SHA-256 of its manifest, hex. */
    readonly manifest: string;
    /** `sha256:<hex>` of the weights. */
    readonly weights: string;
    /** Where the server keeps them, in its own file system. */
    readonly weightsPath: string;
  };
  readonly adapter: Blob;
  readonly onStatus: OnStatus;
  /** Called with the manifest's digest before the model appears under its name, so that it is known as ours from then on. */
  readonly onMade: (manifest: string) => void;
  readonly signal: AbortSignal | undefined;
}

/** Makes `job.model`, whole or not at all. @throws `OLLAMA_ROUTE_UNAVAILABLE` when another route should be tried. */
export type Route = (job: InstallJob) => Promise<void>;
