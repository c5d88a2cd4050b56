import type { AdapterShape } from '../adapter/adapterInfo';
import { fingerprintOfGguf } from '../adapter/baseFingerprint';
import type { BaseModel } from '../adapter/baseModel';
import { judgeShape } from '../adapter/verdict';
import { hasCode, isAbort } from '../errors';
import type { Logger } from '../log';
import { readableBlob } from './registry/baseFile';
import type { Tag } from './answers';
import type { OllamaClient } from './client';
import { shownWeights } from './models';

/** Fingerprints of the bases in Ollama, by the digest of their blob: a blob never changes, so each is read once. */
export class BaseFingerprints {
  readonly #known = new Map<string, string>();
  /** Could not be read, or is no GGUF: it is not tried again in this run. */
  readonly #unreadable = new Set<string>();

  constructor(private readonly log: Logger) {}

  /** The bases with what is known of them. Reads nothing. */
  addTo(bases: readonly BaseModel[]): readonly BaseModel[] {
    return this.#known.size === 0 ? bases : bases.map((base) => this.#withKnown(base));
  }

  /** The same after reading those that might be the base of this shape: they fit, and no digest says already which it is. */
  async addFor(
    shape: AdapterShape,
    bases: readonly BaseModel[],
    client: OllamaClient,
    signal?: AbortSignal,
  ): Promise<readonly BaseModel[]> {
    const candidates = this.#candidates(shape, bases);
    if (candidates.length > 0) await this.#readAll(client, candidates, signal);
    return this.addTo(bases);
  }

  /** Whether `addFor` would have to read a file. */
  isMissing(shape: AdapterShape, bases: readonly BaseModel[]): boolean {
    return this.#candidates(shape, bases).length > 0;
  }

  /** @returns `undefined` when the blob can't be read here: nothing is asked of Ollama that costs a copy. */
  async of(client: OllamaClient, base: BaseModel, signal?: AbortSignal): Promise<string | undefined> {
    const { digest } = base;
    if (digest === undefined || this.#unreadable.has(digest)) return undefined;
    if (!this.#known.has(digest)) await this.#readAll(client, [base], signal);
    return this.#known.get(digest);
  }

  #candidates(shape: AdapterShape, bases: readonly BaseModel[]): readonly BaseModel[] {
    const { baseDigest, baseFingerprint } = shape;
    if (baseFingerprint === undefined || bases.some(({ digest }) => digest !== undefined && digest === baseDigest))
      return [];
    return bases.filter(
      (base) =>
        base.digest !== undefined &&
        !this.#known.has(base.digest) &&
        !this.#unreadable.has(base.digest) &&
        judgeShape(shape, [base], base.name).verdict !== 'unfit',
    );
  }

  #withKnown(base: BaseModel): BaseModel {
    const fingerprint = base.digest === undefined ? undefined : this.#known.get(base.digest);
    return fingerprint === undefined ? base : { ...base, fingerprint };
  }

  async #readAll(client: OllamaClient, bases: readonly BaseModel[], signal: AbortSignal | undefined): Promise<void> {
    try {
      const tags = new Map((await client.tags(signal)).map((tag) => [tag.name, tag]));
      for (const { name, digest } of bases) {
        const tag = tags.get(name);
        if (tag && digest !== undefined && !this.#known.has(digest)) await this.#read(client, tag, digest, signal);
      }
    } catch (error) {
      if (isAbort(error)) throw error;
      this.log.debug(`no fingerprints of bases: ${String(error)}`); // Verdicts do without them.
    }
  }

  async #read(client: OllamaClient, tag: Tag, digest: string, signal: AbortSignal | undefined): Promise<void> {
    const weights = await shownWeights(client, tag, signal);
    if (weights?.digest !== digest) return; // The name stands for another model since.
    const path = await readableBlob(weights.path, digest, tag);
    try {
      if (path === undefined) this.#unreadable.add(digest);
      else this.#known.set(digest, await fingerprintOfGguf(path, signal));
    } catch (error) {
      if (!hasCode(error, 'ADAPTER_UNREADABLE', 'ADAPTER_NOT_FOUND', 'BASE_UNKNOWN')) throw error;
      this.log.debug(`no fingerprint of ${tag.name}: ${String(error)}`);
      this.#unreadable.add(digest);
    }
  }
}
