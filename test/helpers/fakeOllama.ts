import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { FakeStore, layerType, nameParts, readGguf, type Layer, type Manifest } from './fakeOllamaStore';

/** Up to 0.34.0 `create` takes adapters, later it refuses them. */
export type FakeVersion = '0.34.0' | '0.34.2';

/** Something that goes wrong once, at the next request to a path. */
export type Fault =
  /** Goes well: the fault after it is for the next request. */
  | { readonly kind: 'none' }
  /** The connection breaks before there is an answer, and before anything was done. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'status'; readonly status: number; readonly error: string }
  /** An `{"error"}` line after the first line of the stream. */
  | { readonly kind: 'errorLine'; readonly error: string }
  /** The connection breaks after the first line. */
  | { readonly kind: 'cut' }
  /** The stream ends well, but nothing said `success`. */
  | { readonly kind: 'unfinished' }
  /** The server dies after the first line, with half a manifest on disk. Go on with `restart`. */
  | { readonly kind: 'die' }
  /** The answer waits for this. */
  | { readonly kind: 'wait'; readonly until: Promise<void> }
  /** It was restarted before this request: blobs that no manifest names are gone. */
  | { readonly kind: 'restarted' }
  /** Says `success` and made a model without the adapter, as when two installs meet. */
  | { readonly kind: 'loseAdapter' };

/** Every way through a handler ends in an answer. */
type Answered = http.ServerResponse;

interface Exchange {
  readonly body: Record<string, unknown>;
  readonly response: http.ServerResponse;
  readonly fault: Fault | undefined;
}

/**
 * An HTTP server that behaves as Ollama does: a real store on disk, blobs checked by their digest, push and pull over HTTP with a
 * registry on this machine, the error texts of the real one. It runs no model: tokens are made from digests.
 */
export class FakeOllama {
  readonly store = new FakeStore(fs.mkdtempSync(path.join(os.tmpdir(), 'fake-ollama-')));
  /** `METHOD path`, in order. */
  readonly requests: string[] = [];
  /** Bodies of `/api/create`. */
  readonly created: Record<string, unknown>[] = [];
  /** Names that a real one would have fetched from the internet. */
  readonly outside: string[] = [];
  /** Without a runner it can do everything but generate. */
  hasRunner = true;
  /** Before 0.12 there were no probabilities. */
  hasLogprobs = true;
  /** How many words it says to each prompt. */
  answerTokens = 4;
  /** Names of models that run in the cloud. */
  readonly cloud: string[] = [];
  /** Where it says that its models are, when it runs in a container for example. */
  shownFolder: string | undefined;
  /** A real one sends 100 MB at a time. */
  uploadPartBytes = 100_000;
  readonly #faults = new Map<string, Fault[]>();
  #later: { readonly at: number; readonly fault: Fault; readonly onCome: () => void } | undefined;
  #server = this.#newServer();
  #port = 0;

  private constructor(readonly version: string) {}

  static async start(version: FakeVersion | (string & {}) = '0.34.2'): Promise<FakeOllama> {
    const fake = new FakeOllama(version);
    await fake.#listen();
    return fake;
  }

  get name(): string {
    return `fake ${this.version}`;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get modelsFolder(): string {
    return this.store.folder;
  }

  get takesAdapters(): boolean {
    return this.version !== '0.34.2';
  }

  fail(apiPath: string, ...faults: Fault[]): void {
    this.#faults.set(apiPath, [...(this.#faults.get(apiPath) ?? []), ...faults]);
  }

  /** At the `count`-th request from now, whatever it asks for. The first one is 1. @returns when that request has come */
  failAt(count: number, fault: Fault): Promise<void> {
    return new Promise((onCome) => (this.#later = { at: this.requests.length + count, fault, onCome }));
  }

  /** Away, with all that it has. Go on with `restart`. */
  async stop(): Promise<void> {
    await this.#stop();
  }

  /** Puts a model there, as `ollama pull` would. */
  addModel(name: string, gguf: string, adapter?: string): void {
    const blobs = [['model', gguf] as const, ...(adapter === undefined ? [] : [['adapter', adapter] as const])];
    const layers = blobs.map(([kind, file]) => this.#layer(kind, this.store.addBlob(fs.readFileSync(file))));
    this.store.write(name, this.#manifest(layers));
  }

  async close(): Promise<void> {
    await this.#stop();
    fs.rmSync(this.store.folder, { recursive: true, force: true });
  }

  /** The same store on the same port, after a `die`. Blobs without a manifest are gone, as after a real restart. */
  async restart(): Promise<void> {
    await this.#stop();
    this.store.prune();
    this.#server = this.#newServer();
    await this.#listen();
  }

  #newServer(): http.Server {
    return http.createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', () => {
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  #stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<Answered> {
    const url = request.url ?? '';
    this.requests.push(`${request.method} ${url}`);
    const isNow = this.#later?.at === this.requests.length;
    const fault = isNow
      ? this.#later?.fault
      : this.#faults.get(url.startsWith('/api/blobs/') ? '/api/blobs' : url)?.shift();
    if (isNow) this.#later?.onCome();
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const raw = Buffer.concat(parts);
    if (fault?.kind === 'wait') await fault.until;
    if (fault?.kind === 'reset') return response.destroy();
    if (fault?.kind === 'restarted') this.store.prune();
    if (fault?.kind === 'status') return sendError(response, fault.status, fault.error);
    if (url.startsWith('/api/blobs/')) return this.#blob(request.method ?? '', url.slice(11), raw, response);

    const body = raw.length > 0 ? (JSON.parse(raw.toString()) as Record<string, unknown>) : {};
    const exchange: Exchange = { body, response, fault };
    switch (`${request.method} ${url}`) {
      case 'GET /api/version':
        return sendJson(response, { version: this.version });
      case 'GET /api/tags':
        return sendJson(response, {
          models: [...this.store.list().map(({ name }) => this.#tag(name)), ...this.#cloudTags()],
        });
      case 'GET /api/ps':
        return sendJson(response, { models: [] });
      case 'POST /api/show':
        return this.#show(exchange);
      case 'POST /api/create':
        return this.#create(exchange);
      case 'POST /api/copy':
        return this.#copy(exchange);
      case 'DELETE /api/delete':
        return this.#delete(exchange);
      case 'POST /api/push':
        return this.#push(exchange);
      case 'POST /api/pull':
        return this.#pull(exchange);
      case 'POST /api/generate':
        return this.#generate(exchange);
      default:
        return response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found');
    }
  }

  #blob(method: string, digest: string, raw: Buffer, response: http.ServerResponse): Answered {
    if (!/^sha256:[0-9a-f]{64}$/.test(digest)) return sendError(response, 400, 'invalid digest format');
    const isThere = this.store.hasBlob(digest);
    if (method === 'HEAD') return empty(response, isThere ? 200 : 404);
    if (isThere) return empty(response, 200);
    const actual = this.store.addBlob(raw);
    if (actual !== digest) return sendError(response, 400, `digest mismatch, expected "${digest}", got "${actual}"`);
    return empty(response, 201);
  }

  #show({ body, response }: Exchange): Answered {
    const model = this.store.find(String(body['model']));
    if (!model) return sendError(response, 404, `model '${String(body['model'])}' not found`);
    const files = (kind: string): string[] =>
      model.manifest.layers
        .filter(({ mediaType }) => mediaType === layerType(kind))
        .map(({ digest }) => this.store.blobPath(digest));
    const shown = (file: string): string => file.replace(this.store.folder, this.shownFolder ?? this.store.folder);
    const [weights = ''] = files('model');
    const template = this.#text(model.manifest.layers, 'template');
    const text = (kind: string): string | undefined => this.#text(model.manifest.layers, kind);
    const parameters = Object.entries(JSON.parse(text('params') ?? '{}') as Record<string, unknown>).flatMap(
      ([key, value]) => [value].flat().map((one) => `${key.padEnd(30)} ${JSON.stringify(one)}`),
    );
    const { info: stored, tensors } = readGguf(weights);
    const { 'general.name': _kept, ...info } = stored; // The real one keeps the name of the model to itself.
    const hasTensors = this.takesAdapters || body['verbose'] === true;
    return sendJson(response, {
      modelfile: [
        '# Modelfile generated by "ollama show"',
        `# FROM ${model.name}`,
        '',
        `FROM ${shown(weights)}`,
        ...files('adapter').map((file) => `ADAPTER ${shown(file)}`),
        ...(template === undefined ? [] : [`TEMPLATE """${template}"""`]),
        '',
      ].join('\n'),
      ...(template === undefined ? {} : { template }),
      ...(text('system') === undefined ? {} : { system: text('system') }),
      ...(text('license') === undefined ? {} : { license: text('license') }),
      ...(text('messages') === undefined ? {} : { messages: JSON.parse(text('messages')!) as unknown }),
      ...(parameters.length === 0 ? {} : { parameters: parameters.join('\n') }),
      details: this.#tag(model.name).details,
      model_info: info,
      ...(hasTensors ? { tensors: tensors.map((tensor) => ({ ...tensor, type: 'F16' })) } : {}),
    });
  }

  #create(exchange: Exchange): Answered {
    const { body, response } = exchange;
    this.created.push(body);
    const adapters = Object.values((body['adapters'] ?? {}) as Record<string, string>);
    const name = String(body['model']);
    if (adapters.length > 0 && !this.takesAdapters)
      return sendError(response, 400, 'LoRA adapters are no longer supported');
    if (!this.store.isName(name)) return sendError(response, 400, 'invalid model name');
    if (typeof body['from'] !== 'string') return sendError(response, 400, "neither 'from' or 'files' was specified");

    const base = this.store.find(body['from']);
    const stream = new StatusStream(exchange, () => this.#die(name));
    if (!base) return this.#fetchFromOutside(body['from'], stream);
    if (!stream.status('parsing GGUF')) return response;
    const missing = adapters.find((digest) => !this.store.hasBlob(digest));
    if (missing !== undefined) return stream.error(`open ${this.store.blobPath(missing)}: no such file or directory`);

    const from = base.name;
    const inherited = base.manifest.layers.map((layer) => ({ ...layer, from }));
    const layers = this.#dressed(inherited, body);
    const added = adapters.map((digest) => this.#layer('adapter', digest));
    const isLost = exchange.fault?.kind === 'loseAdapter';
    this.store.write(name, { ...base.manifest, layers: isLost ? layers : [...layers, ...added] });
    return stream.success('writing manifest');
  }

  /** Template, system text and the rest as `create` takes them: what is absent is inherited, parameters key by key. */
  #dressed(inherited: readonly Layer[], body: Record<string, unknown>): Layer[] {
    let layers = [...inherited];
    const put = (kind: string, text: string): void => {
      layers = layers.filter(({ mediaType }) => mediaType !== layerType(kind));
      layers.push(this.#layer(kind, this.store.addBlob(Buffer.from(text))));
    };
    for (const kind of ['template', 'system', 'license'] as const)
      if (typeof body[kind] === 'string') put(kind, body[kind]);
    if (Array.isArray(body['messages'])) put('messages', JSON.stringify(body['messages']));
    if (typeof body['parameters'] === 'object') {
      const had = JSON.parse(this.#text(layers, 'params') ?? '{}') as object;
      put('params', JSON.stringify({ ...had, ...body['parameters'] }));
    }
    return layers;
  }

  #text(layers: readonly Layer[], kind: string): string | undefined {
    const layer = layers.find(({ mediaType }) => mediaType === layerType(kind));
    return layer && fs.readFileSync(this.store.blobPath(layer.digest), 'utf8');
  }

  #copy({ body, response }: Exchange): Answered {
    const source = this.store.find(String(body['source']));
    if (!source) return sendError(response, 404, `model "${String(body['source'])}" not found`);
    this.store.write(String(body['destination']), this.store.readBytes(source.name));
    return response.writeHead(200).end();
  }

  #delete({ body, response }: Exchange): Answered {
    if (this.store.isBroken(String(body['model']))) return sendError(response, 500, 'unexpected EOF');
    const model = this.store.find(String(body['model']));
    if (!model) return sendError(response, 404, `model '${String(body['model'])}' not found`);
    this.store.delete(model.name);
    return response.writeHead(200).end();
  }

  async #push(exchange: Exchange): Promise<Answered> {
    const name = String(exchange.body['model']);
    const [host, namespace, model, tag] = nameParts(name);
    const stream = new StatusStream(exchange, () => this.#die(name));
    if (!stream.status('retrieving manifest')) return exchange.response;
    if (!isLoopbackHost(host)) return this.#fetchFromOutside(name, stream);
    const stored = this.store.find(name);
    if (!stored) return stream.error(`open ${this.store.folder}/manifests/${name}: no such file or directory`);
    try {
      for (const { digest } of [...stored.manifest.layers, stored.manifest.config]) {
        const head = await call('HEAD', host, `/v2/${namespace}/${model}/blobs/${digest}`);
        if (head.status === 404) await this.#upload(`http://${host}/v2/${namespace}/${model}/blobs/uploads/`, digest);
      }
      const put = await call('PUT', host, `/v2/${namespace}/${model}/manifests/${tag}`, this.store.readBytes(name));
      if (put.status !== 201) return stream.error(`on push registry responded with code ${put.status}`);
    } catch (error) {
      return stream.error(`max retries exceeded: Head "http://${host}/v2/": ${String(error)}`);
    }
    return stream.success('pushing manifest');
  }

  /** As a real one does: an address to write to, parts in order, and the digest at the end. */
  async #upload(url: string, digest: string): Promise<void> {
    const bytes = fs.readFileSync(this.store.blobPath(digest));
    let location = (await fetch(url, { method: 'POST' })).headers.get('location') ?? '';
    for (let at = 0; at < bytes.length; at += this.uploadPartBytes) {
      const body = bytes.subarray(at, at + this.uploadPartBytes);
      const headers = { 'content-range': `${at}-${at + body.length - 1}`, 'content-type': 'application/octet-stream' };
      const answer = await fetch(location, { method: 'PATCH', headers, body });
      if (answer.status >= 400) throw new Error(`http status ${answer.status}`);
      location = answer.headers.get('location') ?? '';
    }
    const done = await fetch(`${location}?digest=${encodeURIComponent(digest)}&etag=0-1`, { method: 'PUT' });
    if (done.status >= 400) throw new Error(`http status ${done.status}`);
  }

  async #pull(exchange: Exchange): Promise<Answered> {
    const name = String(exchange.body['model']);
    const [host, namespace, model, tag] = nameParts(name);
    const stream = new StatusStream(exchange, () => this.#die(name));
    if (!stream.status('pulling manifest')) return exchange.response;
    if (!isLoopbackHost(host)) return this.#fetchFromOutside(name, stream);
    const got = await call('GET', host, `/v2/${namespace}/${model}/manifests/${tag}`).catch(String);
    if (typeof got === 'string') return stream.error(`pull model manifest: Get "http://${host}/v2/": ${got}`);
    if (got.status !== 200) return stream.error('pull model manifest: file does not exist');
    const manifest = JSON.parse(got.body.toString()) as Manifest;
    for (const { digest } of manifest.layers) {
      if (this.store.hasBlob(digest)) continue; // Not looked into: a blob that is there is trusted.
      const blob = await call('GET', host, `/v2/${namespace}/${model}/blobs/${digest}`);
      if (blob.status !== 200) return stream.error('file does not exist');
      if (this.store.addBlob(blob.body) !== digest)
        return stream.error('digest mismatch, file must be downloaded again');
    }
    const kept = manifest.layers.filter(({ mediaType }) => mediaType !== layerType('adapter'));
    const isLost = exchange.fault?.kind === 'loseAdapter';
    this.store.write(name, isLost ? { ...manifest, layers: kept } : got.body);
    return stream.success('writing manifest');
  }

  #generate(exchange: Exchange): Answered {
    const { body, response } = exchange;
    const model = this.store.find(String(body['model']));
    if (!model) return sendError(response, 404, `model '${String(body['model'])}' not found`);
    if (!this.hasRunner) return sendError(response, 500, 'error starting llama-server: llama-server binary not found');
    const digests = (kind: string): string[] =>
      model.manifest.layers.filter(({ mediaType }) => mediaType === layerType(kind)).map(({ digest }) => digest);
    const adapters = digests('adapter').map((digest) => fs.readFileSync(this.store.blobPath(digest)));
    if (adapters.some((bytes) => count(bytes, '.lora_a') !== count(bytes, '.lora_b')))
      return sendError(response, 500, 'llama-server process has terminated: exit status 1');

    const effective = digests('adapter').filter((_, at) => adapters[at]!.subarray(-1024).some((byte) => byte !== 0));
    const seed = [...digests('model'), ...effective, String(body['prompt'])].join();
    const stream = new StatusStream(exchange, () => undefined);
    for (let at = 0; at < this.answerTokens; at++) {
      const hash = createHash('sha256').update(`${seed}${at}`).digest();
      const logprobs =
        body['logprobs'] === true && this.hasLogprobs ? [{ token: 'x', logprob: -hash[0]! / 64 }] : undefined;
      if (!stream.line({ model: model.name, response: `t${hash[1]! % 8} `, done: false, logprobs })) return response;
    }
    const counted = { eval_count: this.answerTokens, eval_duration: 2e9, prompt_eval_duration: 1e9 };
    stream.line({ model: model.name, response: '', done: true, done_reason: 'length', ...counted });
    return response.end();
  }

  /** A real one asks its registry now. This one only remembers that it would have. */
  #fetchFromOutside(name: string, stream: StatusStream): Answered {
    this.outside.push(name);
    stream.status('pulling manifest');
    return stream.error(`pull model manifest: Get "https://${nameParts(name)[0]}/v2/": no such host`);
  }

  #die(name: string): void {
    this.store.write(name, Buffer.from('{"schemaVersion":2,"config":{"mediaTy'));
    void this.#stop();
  }

  #layer(kind: string, digest: string): Layer {
    return { mediaType: layerType(kind), digest, size: fs.statSync(this.store.blobPath(digest)).size };
  }

  #manifest(layers: readonly Layer[]): Manifest {
    const config = Buffer.from(JSON.stringify({ model_format: 'gguf', model_family: 'llama' }));
    const mediaType = 'application/vnd.docker.container.image.v1+json';
    return {
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      config: { mediaType, digest: this.store.addBlob(config), size: config.length },
      layers,
    };
  }

  #cloudTags() {
    return this.cloud.map((name) => ({
      ...{ name, model: name, remote_model: name, remote_host: 'https://ollama.com:443', size: 300 },
      ...{ digest: createHash('sha256').update(name).digest('hex'), details: { family: 'gptoss' } },
    }));
  }

  #tag(name: string) {
    const { manifest, digest, modifiedAt } = this.store.find(name)!;
    const parent = manifest.layers.find(({ mediaType }) => mediaType === layerType('model'))?.from ?? '';
    return {
      name,
      model: name,
      modified_at: modifiedAt.toISOString(),
      size: manifest.layers.reduce((sum, { size }) => sum + size, manifest.config.size),
      digest,
      details: { parent_model: parent, format: 'gguf', family: 'llama', families: ['llama'], parameter_size: '115K' },
    };
  }
}

/** Lines of an answer, with the fault of this request built in. Each method says whether to go on. */
class StatusStream {
  #lines = 0;

  constructor(
    private readonly exchange: Exchange,
    private readonly die: () => void,
  ) {
    exchange.response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  }

  line(value: object): boolean {
    const { response, fault } = this.exchange;
    response.write(`${JSON.stringify(value)}\n`);
    if (++this.#lines > 1) return true;
    switch (fault?.kind) {
      case 'errorLine':
        this.error(fault.error);
        return false;
      case 'unfinished':
        response.end();
        return false;
      case 'cut':
        // After the first line has left, so that the reader has begun.
        response.write('{"status":"half', () => response.destroy());
        return false;
      case 'die':
        response.write('\n', this.die);
        return false;
      default:
        return true;
    }
  }

  status(status: string): boolean {
    return this.line({ status });
  }

  error(error: string): Answered {
    return this.exchange.response.end(`${JSON.stringify({ error })}\n`);
  }

  success(last: string): Answered {
    const { response } = this.exchange;
    return this.status(last) && this.status('success') ? response.end() : response;
  }
}

function sendJson(response: http.ServerResponse, value: object): Answered {
  return response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(value));
}

function empty(response: http.ServerResponse, status: number): Answered {
  return response.writeHead(status).end();
}

function sendError(response: http.ServerResponse, status: number, error: string): Answered {
  return response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
    .end(JSON.stringify({ error }));
}

function isLoopbackHost(host: string): boolean {
  return /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host);
}

function call(method: string, host: string, target: string, body?: Buffer): Promise<{ status: number; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = http.request(`http://${host}${target}`, { method, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function count(bytes: Buffer, text: string): number {
  let found = 0;
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) found++;
  return found;
}
