import type { AdapterShape } from '../adapter/adapterInfo';
import type { BaseModel } from '../adapter/baseModel';
import { hasCode } from '../errors';
import type { Logger } from '../log';
import { findOllama } from '../ollama/address';
import { BaseFingerprints } from '../ollama/baseFingerprints';
import { OllamaClient } from '../ollama/client';
import { likelyRoute } from '../ollama/doctor';
import { tidyUp } from '../ollama/install/endWork';
import type { InstallParts } from '../ollama/install/install';
import { InstallLock } from '../ollama/install/installLock';
import { lockFileFor } from '../ollama/install/machineLock';
import type { MadeModels } from '../ollama/install/madeModels';
import { readBases } from '../ollama/models';
import type { OllamaState } from '../state';

/** A list of models that is drawn may be this old. */
const BASES_MS = 5_000;
/** Version and route, for the status bar. */
const LOOK_MS = 2_000;

export interface LocalOllamaParts {
  readonly url: () => string;
  readonly ollamaHost: string | undefined;
  readonly made: MadeModels;
  readonly log: Logger;
}

/** The Ollama of this machine, wherever the settings say it is now. */
export class LocalOllama {
  readonly #lock: InstallLock;
  readonly #ending = new AbortController();
  readonly #fingerprints: BaseFingerprints;
  /** Fingerprints that lists look for, and the reading of bases for them: one after another, for the disk's sake. */
  readonly #wanted = new Set<string>();
  #learning: Promise<void> = Promise.resolve();
  /** Address that was tidied up after installs that did not end. */
  #tidied: string | undefined;
  #tidying: Promise<void> = Promise.resolve();
  #client: OllamaClient | undefined;
  #bases: { readonly at: number; readonly list: Promise<readonly BaseModel[]> } | undefined;
  state: OllamaState | undefined;

  constructor(private readonly parts: LocalOllamaParts) {
    this.#fingerprints = new BaseFingerprints(parts.log);
    this.#lock = new InstallLock({ file: () => lockFileFor(this.url), log: parts.log });
  }

  get url(): string {
    return findOllama(this.parts.url(), this.parts.ollamaHost);
  }

  get client(): OllamaClient {
    const { url } = this;
    if (this.#client?.url !== url) {
      this.#client = new OllamaClient(url);
      this.#bases = undefined;
    }
    return this.#client;
  }

  get installParts(): InstallParts {
    const { made, log } = this.parts;
    return { client: this.client, made, log, lock: this.#lock };
  }

  /** Models that can carry an adapter, but for what we made. @throws as `readBases` when Ollama does not answer. */
  async bases(signal?: AbortSignal): Promise<readonly BaseModel[]> {
    const now = performance.now();
    const { client } = this;
    if (this.#bases === undefined || now - this.#bases.at > BASES_MS) {
      const list = readBases(client, signal, this.parts.made);
      this.#bases = { at: now, list };
      list.catch(() => (this.#bases = undefined));
    }
    return this.#fingerprints.addTo(await this.#bases.list);
  }

  /** The same, with the fingerprint of every base that this shape might have been trained for. @throws as `bases` */
  async basesFor(shape: AdapterShape, signal?: AbortSignal): Promise<readonly BaseModel[]> {
    return this.withFingerprints(shape, await this.bases(signal), signal);
  }

  async withFingerprints(
    shape: AdapterShape,
    bases: readonly BaseModel[],
    signal?: AbortSignal,
  ): Promise<readonly BaseModel[]> {
    return this.#fingerprints.addFor(shape, bases, this.client, signal);
  }

  /** `undefined` when the weights can't be read here. */
  fingerprintOf(base: BaseModel, signal?: AbortSignal): Promise<string | undefined> {
    return this.#fingerprints.of(this.client, base, signal);
  }

  /** Reads what is missing to judge this shape better. Nobody waits for it: the next list knows. */
  learn(shape: AdapterShape, bases: readonly BaseModel[]): void {
    const { signal } = this.#ending;
    const { baseFingerprint: wanted } = shape;
    if (wanted === undefined || signal.aborted || this.#wanted.has(wanted)) return;
    if (!this.#fingerprints.isMissing(shape, bases)) return;
    const { client } = this;
    this.#wanted.add(wanted);
    this.#learning = this.#learning
      .then(() => this.#fingerprints.addFor(shape, bases, client, signal))
      .catch((error: unknown) => {
        if (!signal.aborted) this.parts.log.debug(`could not read the bases: ${String(error)}`);
      })
      .then(() => void this.#wanted.delete(wanted));
  }

  /** The same, but an Ollama that is away has no models. For lists, where that is no failure. */
  async basesIfThere(signal?: AbortSignal): Promise<readonly BaseModel[]> {
    try {
      return await this.bases(signal);
    } catch (error) {
      if (hasCode(error, 'OLLAMA_UNREACHABLE', 'OLLAMA_FAILED', 'OLLAMA_REFUSED')) return [];
      throw error;
    }
  }

  forgetBases(): void {
    this.#bases = undefined;
  }

  /** Looks whether it answers, for the state. Never throws. @returns whether something changed. */
  async look(): Promise<boolean> {
    const before = JSON.stringify(this.state);
    const { url, client } = this;
    try {
      const signal = AbortSignal.timeout(LOOK_MS);
      const version = await client.version(signal);
      const route =
        this.state?.version === version && this.state.route ? this.state.route : await likelyRoute(client, signal);
      this.state = { url, isReachable: true, version, route };
      this.#tidyOnce(client);
    } catch {
      this.state = { url, isReachable: false };
    }
    return JSON.stringify(this.state) !== before;
  }

  /** Gives up what it does on its own. An install that runs goes on until it ends or its caller gives up. */
  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all([this.#tidying, this.#learning]);
  }

  /** What an install of an earlier run left is ended as soon as Ollama answers; nobody waits for it. */
  #tidyOnce(client: OllamaClient): void {
    const { made, log } = this.parts;
    const { signal } = this.#ending;
    if (this.#tidied === client.url || signal.aborted) return;
    this.#tidied = client.url;
    this.#tidying = this.#lock
      .run(() => tidyUp({ client, made, log }, signal), signal)
      .then(
        () => this.forgetBases(),
        (error: unknown) => {
          this.#tidied = undefined; // The next look tries again.
          if (!signal.aborted) log.debug(`could not tidy up in Ollama: ${String(error)}`);
        },
      );
  }
}
