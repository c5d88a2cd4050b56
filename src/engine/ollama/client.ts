import { createReadStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { LoraSwarmError } from '../errors';
import {
  parseCounted,
  parseShow,
  parseTags,
  parseTokens,
  type Counted,
  type GeneratedToken,
  type Shown,
  type Tag,
} from './answers';
import { connectionEnded, parseObject, readBody, readLines, refusal, refusedInStream, send, type Call } from './http';

/** For what Ollama answers from memory or a small file. */
const QUICK_MS = 30_000;
/** For what may load a model or copy gigabytes without a word. Three times as long as Ollama itself waits for a load unless told otherwise. */
const SLOW_MS = 15 * 60_000;
/** A verbose `show` holds the whole vocabulary: 262,144 tokens and their merges are about 15 MB. */
const MAX_SHOW_BYTES = 64 * 1024 * 1024;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export type OnStatus = (status: string) => void;

export interface CreateRequest {
  readonly model: string;
  /** A model that `/api/tags` lists under exactly this name: anything else Ollama would pull from the internet. */
  readonly from?: string;
  /** File name → `sha256:<hex>` of an uploaded blob. */
  readonly files?: Readonly<Record<string, string>>;
  readonly adapters?: Readonly<Record<string, string>>;
  /** What is absent is that of `from`; parameters are merged key by key. */
  readonly system?: string;
  readonly template?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

export interface GenerateRequest {
  readonly model: string;
  readonly prompt: string;
  /** Give the prompt to the model as it is, without its template. */
  readonly raw?: boolean;
  /** Of models that think before they answer. */
  readonly think?: boolean;
  readonly logprobs?: boolean;
  readonly top_logprobs?: number;
  readonly options?: Readonly<Record<string, number>>;
}

/**
 * Ollama's HTTP API, as far as we use it. Holds no connection.
 *
 * Every method throws `OLLAMA_UNREACHABLE` when nobody answers, `OLLAMA_REFUSED` for a 4xx, `OLLAMA_MODEL_UNKNOWN` for a
 * model that is not there, `OLLAMA_FAILED` for a 5xx, an error inside a stream, or a connection that ended early, and the
 * signal's reason when it was aborted. `answerOf(error)` gives the server's own words.
 */
export class OllamaClient {
  /** @param url without a path, as `findOllama` gives it. */
  constructor(readonly url: string) {}

  async version(signal?: AbortSignal): Promise<string> {
    const { version } = await this.#json({ method: 'GET', path: '/api/version', idleMs: QUICK_MS, signal });
    return typeof version === 'string' ? version.slice(0, 40) : '';
  }

  async tags(signal?: AbortSignal): Promise<Tag[]> {
    return parseTags(await this.#json({ method: 'GET', path: '/api/tags', idleMs: QUICK_MS, signal }));
  }

  /** Names of the models in memory. */
  async running(signal?: AbortSignal): Promise<string[]> {
    return parseTags(await this.#json({ method: 'GET', path: '/api/ps', idleMs: QUICK_MS, signal })).map(
      ({ name }) => name,
    );
  }

  async show(model: string, options: { readonly verbose?: boolean } = {}, signal?: AbortSignal): Promise<Shown> {
    const json = { model, verbose: options.verbose ?? false };
    return parseShow(
      await this.#json({ method: 'POST', path: '/api/show', json, idleMs: QUICK_MS, signal }, MAX_SHOW_BYTES),
    );
  }

  /** Makes a model. Replaces one of the same name: check first. */
  create(request: CreateRequest, onStatus?: OnStatus, signal?: AbortSignal): Promise<void> {
    return this.#progress('/api/create', request, onStatus, signal);
  }

  /** @returns false when there was no such model. */
  async delete(model: string, signal?: AbortSignal): Promise<boolean> {
    const response = await this.#send({
      method: 'DELETE',
      path: '/api/delete',
      json: { model },
      idleMs: QUICK_MS,
      signal,
    });
    if (response.statusCode === 404) {
      response.resume();
      return false;
    }
    await this.#done(response, signal);
    return true;
  }

  /** Gives a model a second name. Replaces one of that name: check first. */
  async copy(source: string, destination: string, signal?: AbortSignal): Promise<void> {
    const call: Call = { method: 'POST', path: '/api/copy', json: { source, destination }, idleMs: QUICK_MS, signal };
    await this.#done(await this.#send(call), signal);
  }

  /** Only for names on a registry of ours on this machine, hence `insecure`. */
  push(model: string, onStatus?: OnStatus, signal?: AbortSignal): Promise<void> {
    return this.#progress('/api/push', { model, insecure: true }, onStatus, signal);
  }

  /** Only for names on a registry of ours on this machine, hence `insecure`. */
  pull(model: string, onStatus?: OnStatus, signal?: AbortSignal): Promise<void> {
    return this.#progress('/api/pull', { model, insecure: true }, onStatus, signal);
  }

  /** @param digest `sha256:<hex>` */
  async hasBlob(digest: string, signal?: AbortSignal): Promise<boolean> {
    const response = await this.#send({ method: 'HEAD', path: `/api/blobs/${digest}`, idleMs: QUICK_MS, signal });
    response.resume();
    if (response.statusCode === 200) return true;
    if (response.statusCode === 404) return false;
    throw await refusal(response, signal);
  }

  /** Hands a file over unless the server has it. The server checks the digest. @param bytes its size */
  async uploadBlob(file: string, digest: string, bytes: number, signal?: AbortSignal): Promise<void> {
    if (await this.hasBlob(digest, signal)) return;
    const stream = createReadStream(file, { end: Math.max(0, bytes - 1) });
    const call: Call = {
      method: 'POST',
      path: `/api/blobs/${digest}`,
      body: { stream, bytes },
      idleMs: SLOW_MS,
      signal,
    };
    await this.#done(await this.#send(call), signal);
  }

  /**
   * The answer of a model, token by token. Leaving the loop early stops the generation.
   *
   * @param onDone gets what Ollama counted, at the end
   */
  async *generate(
    request: GenerateRequest,
    signal?: AbortSignal,
    onDone: (counted: Counted) => void = () => undefined,
  ): AsyncGenerator<GeneratedToken> {
    const json = { ...request, stream: true };
    const response = await this.#send({ method: 'POST', path: '/api/generate', json, idleMs: SLOW_MS, signal });
    if (!isOk(response)) throw await refusal(response, signal);
    let isDone = false;
    for await (const line of readLines(response, signal)) {
      failOnError(line);
      yield* parseTokens(line);
      if (line['done'] !== true) continue;
      isDone = true;
      onDone(parseCounted(line));
    }
    if (!isDone) throw connectionEnded('no last line');
  }

  /**
   * Sends a `create` that can't succeed and gives the answer's status and text.
   *
   * It has no valid model name, no `from` and no `files`: nothing is written and nothing pulled.
   */
  async askCreate(
    adapters: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<LoraSwarmError | undefined> {
    const json = { model: '-', adapters };
    const response = await this.#send({ method: 'POST', path: '/api/create', json, idleMs: QUICK_MS, signal });
    if (!isOk(response)) return refusal(response, signal);
    for await (const line of readLines(response, signal))
      if (typeof line['error'] === 'string') return refusedInStream(line['error']);
    return undefined;
  }

  #send(call: Call): Promise<IncomingMessage> {
    return send(this.url, call);
  }

  async #json(call: Call, limitBytes = MAX_ANSWER_BYTES): Promise<Record<string, unknown>> {
    const response = await this.#send(call);
    if (!isOk(response)) throw await refusal(response, call.signal);
    return parseObject(await readBody(response, limitBytes, call.signal));
  }

  async #done(response: IncomingMessage, signal: AbortSignal | undefined): Promise<void> {
    if (!isOk(response)) throw await refusal(response, signal);
    await readBody(response, MAX_ANSWER_BYTES, signal);
  }

  /** A stream of status lines. Done only when it said `success`; a stream that ends without it was cut. */
  async #progress(path: string, json: object, onStatus: OnStatus | undefined, signal?: AbortSignal): Promise<void> {
    const response = await this.#send({
      method: 'POST',
      path,
      json: { ...json, stream: true },
      idleMs: SLOW_MS,
      signal,
    });
    if (!isOk(response)) throw await refusal(response, signal);
    let isSuccess = false;
    for await (const line of readLines(response, signal)) {
      failOnError(line);
      if (typeof line['status'] === 'string') onStatus?.(line['status'].slice(0, 200));
      isSuccess ||= line['status'] === 'success';
    }
    if (!isSuccess) throw connectionEnded('no success line');
  }
}

function isOk(response: IncomingMessage): boolean {
  const status = response.statusCode ?? 0;
  return status >= 200 && status < 300;
}

function failOnError(line: Record<string, unknown>): void {
  if (typeof line['error'] === 'string') throw refusedInStream(line['error']);
}
