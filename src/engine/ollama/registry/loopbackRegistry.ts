import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { Resource } from '../../lifecycle';
import type { BlobReceiver } from './blobReceiver';
import { MANIFEST_TYPE, MAX_MANIFEST_BYTES } from './imageManifest';

const BLOB = /^blobs\/(sha256:[0-9a-f]{64})$/;
/** Start of an upload, and what it goes on under: the address that we answered. */
const UPLOADS = /^blobs\/uploads\/(?<id>[0-9a-f]{16})?(?:\?.*)?$/;

/**
 * A registry on 127.0.0.1 for one model of the local Ollama, for the length of one install or export.
 *
 * Ollama pushes a model here and pulls it back. Layers do not travel: the answer to "do you have this blob?" is yes, so only the
 * manifest comes and goes, but for the one blob that somebody wants to `receive`. The repository has a random name and
 * anything else is 404. There is no 401, because Ollama would answer it with a token request signed by the user's key.
 */
export class LoopbackRegistry extends Resource {
  readonly #server = http.createServer((request, response) => void this.#answer(request, response));
  readonly #repository = `loraswarm/x${randomBytes(8).toString('hex')}`;
  readonly #upload = randomBytes(8).toString('hex');
  #receiver: BlobReceiver | undefined;
  #pushed: Buffer | undefined;
  #served: Buffer | undefined;
  #requests = 0;

  /** The name to push and pull: `127.0.0.1:PORT/loraswarm/x…:v1`. Only while open. */
  get model(): string {
    return `${this.#host}/${this.#repository}:v1`;
  }

  /** Whether Ollama ever came by. It does not when it runs in a container, where 127.0.0.1 is another machine. */
  get wasAsked(): boolean {
    return this.#requests > 0;
  }

  /** The manifest that was pushed. */
  get pushed(): Buffer | undefined {
    return this.#pushed;
  }

  /** Sets what a pull gets. */
  serve(manifest: Buffer): void {
    this.#served = manifest;
  }

  /** From now on a push also brings this blob. */
  receive(receiver: BlobReceiver): void {
    this.#receiver = receiver;
  }

  get #host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ollama takes it as it is, so it has to be whole. */
  get #uploadUrl(): string {
    return `http://${this.#host}/v2/${this.#repository}/blobs/uploads/${this.#upload}`;
  }

  protected _open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
  }

  protected _close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    // A page in a browser that made its own name point here still sends that name.
    const isForUs = request.headers.host === this.#host;
    const prefix = `/v2/${this.#repository}/`;
    const path = isForUs && request.url?.startsWith(prefix) ? request.url.slice(prefix.length) : undefined;
    if (path !== undefined) this.#requests++;

    const receiver = this.#receiver;
    const upload = path === undefined ? null : UPLOADS.exec(path);
    const isCurrent = upload?.groups?.['id'] === this.#upload;
    const blob = BLOB.exec(path ?? '')?.[1];
    if (request.method === 'HEAD' && blob !== undefined) {
      response.writeHead(blob === receiver?.wanted.digest && !receiver.isDone ? 404 : 200).end();
    } else if (request.method === 'POST' && receiver && upload && !isCurrent) {
      response.writeHead(202, { location: this.#uploadUrl }).end();
    } else if (request.method === 'PATCH' && receiver && isCurrent) {
      const status = await receiver.takePart(request);
      response.writeHead(status, { location: this.#uploadUrl }).end();
    } else if (request.method === 'PUT' && receiver && isCurrent) {
      response.writeHead(receiver.finish(new URL(request.url ?? '', 'http://x').searchParams.get('digest'))).end();
    } else if (request.method === 'PUT' && path === 'manifests/v1') {
      this.#pushed = await readManifest(request);
      response.writeHead(this.#pushed ? 201 : 413).end();
    } else if (request.method === 'GET' && path === 'manifests/v1' && this.#served) {
      response.writeHead(200, { 'content-type': MANIFEST_TYPE, 'content-length': this.#served.byteLength });
      response.end(this.#served);
    } else {
      response.writeHead(404).end();
    }
  }
}

/** `undefined` when it is too long or did not come whole. */
async function readManifest(request: http.IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of request) {
      bytes += (part as Buffer).byteLength;
      if (bytes > MAX_MANIFEST_BYTES) return undefined;
      parts.push(part as Buffer);
    }
  } catch {
    return undefined; // Ollama went away. The push on the other side fails and says so.
  }
  return Buffer.concat(parts);
}
