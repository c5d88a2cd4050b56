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
    readonly name: string,
    readonly url: string,
    readonly modelsFolder: string,
    /** Hosts that it wanted to reach. */
    readonly outside: readonly string[],
    readonly close: () => Promise<void>,
  ) {}

  static async start(program: string): Promise<RealOllama> {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), 'real-ollama-'));
    const proxy = await startProxy();
    const child = spawn(program, ['serve'], {
      env: environment(home, proxy.url),
      detached: IN_GROUP,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const close = async (): Promise<void> => {
      await end(child);
      await proxy.close();
      fs.rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    };
    try {
      const { port, version } = await listening(child);
      const models = path.join(home, 'models');
      return new RealOllama(`Ollama ${version}`, `http://127.0.0.1:${port}`, models, proxy.asked, close);
    } catch (error) {
      await close();
      throw error;
    }
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
async function listening(child: ChildProcessByStdio<null, null, Readable>): Promise<{ port: string; version: string }> {
  const last: string[] = [];
  const found = new Promise<{ port: string; version: string }>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      last.splice(0, last.length - 20, line);
      const match = /Listening on 127\.0\.0\.1:(\d+) \(version ([^)"]+)\)/.exec(line);
      if (match) resolve({ port: match[1]!, version: match[2]! });
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
  kill(child, 'SIGTERM');
  const timer = setTimeout(() => kill(child, 'SIGKILL'), END_MS);
  await exited;
  clearTimeout(timer);
  kill(child, 'SIGKILL'); // A runner that outlived it, in the same group.
}

function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (IN_GROUP) process.kill(-child.pid!, signal);
    else child.kill(signal);
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
