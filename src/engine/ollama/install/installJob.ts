import type { InstallRouteName, ModelfileExtras, RoutePlan } from '../../deployWishes';
import type { Logger } from '../../log';
import type { OllamaClient, OnStatus } from '../client';
import type { Blob } from '../digest';
import type { InstallWorkLog } from './installWork';
import type { Ground } from '../routes/ground';

/** A model of the local Ollama that something is put on. */
export interface InstallBase {
  /** Exactly as `/api/tags` lists it. */
  readonly name: string;
  /** SHA-256 of its manifest, hex. */
  readonly manifest: string;
  /** Of all its layers. */
  readonly bytes: number;
  /** `sha256:<hex>` of the weights. */
  readonly weights: string;
  /** Where the server keeps them, in its own file system. */
  readonly weightsPath: string;
  /** `sha256:<hex>` of adapters that it carries already, in order. */
  readonly adapters: readonly string[];
}

/** What a new model has that its base has not: one of the two. */
export interface Payload {
  /** LoRA GGUF. */
  readonly adapter?: Blob;
  /** Base GGUF with the adapter in its weights. */
  readonly weights?: Blob;
}

/** What every route gets: checked, and the same for all of them. */
export interface InstallJob {
  readonly client: OllamaClient;
  readonly log: Logger;
  readonly base: InstallBase;
  readonly ground: Ground;
  readonly payload: Payload;
  /** What the user ticked of the author's proposals. */
  readonly extras?: ModelfileExtras | undefined;
  /** Told of everything that could stay behind, before it is there. */
  readonly work: InstallWorkLog;
  readonly onStatus: OnStatus;
  readonly signal: AbortSignal | undefined;
}

/** One way to make a model of a base and an adapter. */
export interface Route {
  readonly name: InstallRouteName;
  /** What it would cost here, or why it does not work. Asks nobody. */
  plan(ground: Ground): RoutePlan;
  /**
   * Makes the model under a name of ours, which it gives. What it leaves is in `job.work`, so it is undone by ending that.
   *
   * @throws {LoraSwarmError} `OLLAMA_ROUTE_UNAVAILABLE` when another route should be tried.
   */
  stage(job: InstallJob): Promise<string>;
}
