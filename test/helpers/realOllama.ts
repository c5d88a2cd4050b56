import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';

/** How long a server may take to listen, or to end after a polite signal. */
const START_MS = 20_000;
const END_MS = 5_000;

/**
 * A real Ollama on a free port of 127.0.0.1, with a home, models and key of its own.
 *
 * Whatever it asks of the internet goes to a proxy on this machine that refuses and remembers it; Ollama passes by the proxy for
 * loopback. So no test can fetch anything, and one can say that nothing was tried.
 */
export class RealOllama {
  private constructor(
    readonly url: string,
    /** Hosts that it wanted to reach. */
    readonly outside: readonly string[],
    readonly home: string,
    private readonly child: ChildProcess,
    private readonly closeProxy: () => Promise<void>,
  ) {}

  /** @param home of a server that was killed, to go on with its models. */
  static async start(
    program: string,
    home = fs.mkdtempSync(path.join(os.tmpdir(), 'real-ollama-')),
  ): Promise<RealOllama> {
    const proxy = await startProxy();
    const child = spawn(program, ['serve'], {
      env: environment(home, proxy.url),
      detached: IN_GROUP,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      return new RealOllama(await listening(child), proxy.asked, home, child, proxy.close);
    } catch (error) {
      await end(child);
      await proxy.close();
      fs.rmSync(home, { recursive: true, force: true, maxRetries: 5 });
      throw error;
    }
  }

  get modelsFolder(): string {
    return path.join(this.home, 'models');
  }

  /** As a crash or the power would end it. Its home stays. */
  async kill(): Promise<void> {
    signal(this.child, 'SIGKILL');
    await end(this.child);
    await this.closeProxy();
  }

  async close(): Promise<void> {
    await end(this.child);
    await this.closeProxy();
    fs.rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A group of its own, so that the runners that Ollama starts end with it. Windows has none; there Ollama ends them. */
const IN_GROUP = process.platform !== 'win32';

function environment(home: string, proxyUrl: string): NodeJS.ProcessEnv {
  const kept = ['PATH', 'SystemRoot', 'TEMP', 'TMP'].map((key) => [key, process.env[key]] as const);
  return {
    ...Object.fromEntries(kept.filter(([, value]) => value !== undefined)),
    HOME: home,
    USERPROFILE: home,
    LOCALAPPDATA: home,
    OLLAMA_MODELS: path.join(home, 'models'),
    OLLAMA_HOST: '127.0.0.1:0',
    OLLAMA_NO_CLOUD: '1',
    HTTP_PROXY: proxyUrl,
    HTTPS_PROXY: proxyUrl,
  };
}

/** Ollama logs its port when it listens, and an older one that does not take port 0 ends with its reason. */
async function listening(child: ChildProcessByStdio<null, null, Readable>): Promise<string> {
  const last: string[] = [];
  const found = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      last.splice(0, last.length - 20, line);
      const address = /Listening on (127\.0\.0\.1:\d+) /.exec(line)?.[1];
      if (address) resolve(`http://${address}`);
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`Ollama ended with ${code}: ${last.join('\n')}`)));
  });
  const timer = new AbortController();
  const late = once(AbortSignal.any([AbortSignal.timeout(START_MS), timer.signal]), 'abort').then(() => {
    throw new Error(`Ollama does not listen after ${START_MS} ms: ${last.join('\n')}`);
  });
  late.catch(() => undefined);
  return await Promise.race([found, late]).finally(() => timer.abort());
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  signal(child, 'SIGTERM');
  const timer = setTimeout(() => signal(child, 'SIGKILL'), END_MS);
  await exited;
  clearTimeout(timer);
  signal(child, 'SIGKILL'); // A runner that outlived it, in the same group.
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (IN_GROUP) process.kill(-child.pid!, name);
    else child.kill(name);
  } catch {
    // Already gone.
  }
}

async function startProxy(): Promise<{ url: string; asked: string[]; close: () => Promise<void> }> {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(403).end();
  });
  server.on('connect', (request, socket) => {
    asked.push(request.url ?? '');
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, close };
}
