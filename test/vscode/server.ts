import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { leftRunning } from '../run/child';
import { findVscodeHost, type VscodeHost } from '../run/machine';
import type { Profile } from './profile';

/** A running VS Code server of one profile, on loopback. */
export interface Server {
  readonly pid: number;
  /** Address of the workbench. `payload` is what desktop VS Code takes as arguments. */
  url(payload?: readonly (readonly [string, string])[]): string;
  /** Names a file of this machine for the payload. */
  remoteUri(file: string): string;
  /** What the server printed. */
  log(): string;
  /** Ends the server and its extension hosts. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Lets a page run mocha in the extension host. It also hides notification toasts. */
  readonly withTestDriver?: boolean;
}

const START_LIMIT_MS = 60_000;

/** Starts code-server, a VS Code whose extension host is real Node and whose window is a browser page. */
export async function startServer(profile: Profile, options: ServerOptions = {}): Promise<Server> {
  const host = requireHost();
  const port = await freePort();
  const logFile = path.join(profile.folder, 'server.log');
  const log = fs.openSync(logFile, 'w');
  const args = [
    ...baseArgs(host, profile),
    ...['--auth', 'none', '--bind-addr', `127.0.0.1:${port}`, '--ignore-last-opened'],
    ...['--disable-telemetry', '--disable-update-check', '--disable-workspace-trust', '--disable-proxy'],
    '--disable-getting-started-override',
    // Without this the page ignores `extensionTestsPath`.
    ...(options.withTestDriver === true ? ['--vscode-option', 'enable-smoke-test-driver'] : []),
  ];
  const env = serverEnvironment(profile, options.env);
  const child = spawn(host.node, args, { env, stdio: ['ignore', log, log], detached: true, cwd: profile.folder });
  fs.closeSync(log);

  const authority = `127.0.0.1:${port}`;
  const server: Server = {
    pid: child.pid ?? 0,
    url(payload) {
      const query = new URLSearchParams({ folder: profile.workspace });
      if (payload) query.set('payload', JSON.stringify(payload));
      return `http://${authority}/?${query.toString()}`;
    },
    remoteUri: (file) => `vscode-remote://${authority}${file}`,
    log: () => fs.readFileSync(logFile, 'utf8'),
    stop: () => endGroup(child),
  };
  try {
    await untilHealthy(child, `http://${authority}/healthz`);
  } catch (error) {
    await server.stop();
    throw new Error(`code-server did not start: ${server.log().slice(-4000)}`, { cause: error });
  }
  return server;
}

/** Installs a VSIX as `code --install-extension` does. Gives what it printed. */
export function installVsix(profile: Profile, vsix: string): string {
  const host = requireHost();
  const { status, stdout, stderr } = spawnSync(
    host.node,
    [...baseArgs(host, profile), '--install-extension', vsix, '--force'],
    { env: serverEnvironment(profile), encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`--install-extension ended with ${status}\n${stdout}\n${stderr}`);
  return stdout;
}

function requireHost(): VscodeHost {
  const host = findVscodeHost();
  if (!host) throw new Error('No VS Code to test in. Run .ci/install-vscode-host.sh.');
  return host;
}

function baseArgs(host: VscodeHost, profile: Profile): string[] {
  const entry = path.join(host.codeServer, 'out', 'node', 'entry.js');
  const config = path.join(profile.folder, 'config.yaml');
  return [entry, '--config', config, '--user-data-dir', profile.userData, '--extensions-dir', profile.extensions];
}

/** This machine's environment without what belongs to another VS Code, to npm or to the user's own home. */
function serverEnvironment(profile: Profile, extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const foreign = /^(VSCODE_|ELECTRON_|CODE_SERVER_|npm_|LORA_SWARM_|OLLAMA_|XDG_|PORT$|PASSWORD$|NODE_OPTIONS$)/;
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return {
    ...Object.fromEntries(kept),
    HOME: profile.home,
    // No gallery (the default is on the internet), no telemetry.
    EXTENSIONS_GALLERY: JSON.stringify({ serviceUrl: '' }),
    CS_TELEMETRY_URL: 'http://127.0.0.1:9/',
    ...extra,
  };
}

async function untilHealthy(child: ChildProcess, url: string): Promise<void> {
  const until = Date.now() + START_LIMIT_MS;
  while (Date.now() < until) {
    if (child.exitCode !== null || child.pid === undefined) throw new Error(`it ended with ${child.exitCode}`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return;
    await wait(100);
  }
  throw new Error(`no answer in ${START_LIMIT_MS / 1000} s`);
}

/** Ends the process group: first asked, so that extensions are deactivated, then killed. */
async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  signalGroup(child.pid, 'SIGTERM');
  await leftRunning(child.pid, 6000);
  signalGroup(child.pid, 'SIGKILL');
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // Nothing of it is left.
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  return port;
}
