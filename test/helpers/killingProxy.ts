import http from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** `before` the request reaches Ollama, or `after` Ollama has answered and nobody knows it yet. */
export type KillPoint = 'before' | 'after';

/** Stands between us and Ollama, counts requests, and strikes at one of them. Runs no model: that is not what it is for. */
export class KillingProxy {
  /** `METHOD path` since the last `arm`. */
  readonly requests: string[] = [];
  #server: http.Server;
  #strike: { readonly at: number; readonly point: KillPoint; readonly kill: () => Promise<void> } | undefined;
  #struck: Promise<void> | undefined;

  private constructor(public target: string) {
    this.#server = http.createServer((request, response) => void this.#pass(request, response));
  }

  static async start(target: string): Promise<KillingProxy> {
    const proxy = new KillingProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when the strike has been done. `undefined` when it did not come to that. */
  get struck(): Promise<void> | undefined {
    return this.#struck;
  }

  /** @param at counts from 1. Without it nobody is killed. */
  arm(at?: number, point: KillPoint = 'after', kill: () => Promise<void> = () => Promise.resolve()): void {
    this.requests.length = 0;
    this.#struck = undefined;
    this.#strike = at === undefined ? undefined : { at, point, kill };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pass(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    request.on('error', () => undefined);
    try {
      const number = this.requests.push(`${request.method} ${request.url}`);
      const strike = this.#strike?.at === number ? this.#strike : undefined;
      const body: Buffer[] = [];
      for await (const part of request) body.push(part as Buffer);
      if (strike?.point === 'before') {
        await this.#hit(strike, response);
        return;
      }
      if (request.url === '/api/generate') return void response.writeHead(500).end('{"error":"no runner"}');

      const answer = await this.#forward(request, Buffer.concat(body));
      if (strike) {
        await this.#hit(strike, response);
        return;
      }
      const { 'transfer-encoding': _encoding, ...headers } = answer.headers;
      response.writeHead(answer.status, headers).end(request.method === 'HEAD' ? undefined : answer.body);
    } catch {
      response.destroy(); // Ollama is away.
    }
  }

  async #hit({ kill }: { readonly kill: () => Promise<void> }, response: http.ServerResponse): Promise<void> {
    response.destroy();
    await (this.#struck = kill());
  }

  #forward(
    { method, url, headers }: http.IncomingMessage,
    body: Buffer,
  ): Promise<{ status: number; headers: http.IncomingHttpHeaders; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const onward = http.request(
        new URL(url ?? '/', this.target),
        { method, headers: { ...headers, host: new URL(this.target).host }, agent: false },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('end', () =>
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) }),
          );
          answer.on('error', reject);
        },
      );
      onward.on('error', reject);
      onward.end(body);
    });
  }
}
