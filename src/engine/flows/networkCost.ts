import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import path from 'node:path';

const TIMEOUT_MS = 3_000;
/** An answer is one word. */
const MAX_ANSWER_BYTES = 16 * 1024;
/** A routing table of a router of the internet; only one line of it is of interest. */
const MAX_ROUTES_CHARS = 1024 * 1024;

export interface System {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The routing tables of Linux, IPv4 and IPv6. */
  readonly routes?: readonly [v4: string, v6: string];
  /** Nobody waits for the answer any more: a program that gives it is ended. */
  readonly signal?: AbortSignal;
}

export const THIS_SYSTEM: System = { platform: process.platform, env: process.env };
const ROUTES = ['/proc/net/route', '/proc/net/ipv6_route'] as const;

const WINDOWS_QUESTION =
  '[Windows.Networking.Connectivity.NetworkInformation,Windows.Networking.Connectivity,ContentType=WindowsRuntime]' +
  '::GetInternetConnectionProfile().GetConnectionCost().NetworkCostType';

/**
 * Whether the system says that the present network costs by the byte: NetworkManager on Linux, the connection's cost on
 * Windows. macOS has no answer that a program can ask for. Undefined when nothing is said. Never throws.
 */
export async function isNetworkMetered(system: System = THIS_SYSTEM): Promise<boolean | undefined> {
  switch (system.platform) {
    case 'linux':
      return (await askBus(system)) ?? (await askNmcli(system));
    case 'win32':
      return askWindows(system);
    default:
      return undefined;
  }
}

/**
 * `u 1`: what NetworkManager says of the connection of the default route. 1 and 3 are yes, the second one guessed.
 *
 * @see https://networkmanager.dev/docs/api/latest/nm-dbus-types.html#NMMetered
 */
export function parseBusAnswer(text: string): boolean | undefined {
  const value = /^u ([1-4])\s*$/.exec(text)?.[1];
  return value === undefined ? undefined : value === '1' || value === '3';
}

/** `GENERAL.METERED:yes (guessed)` */
export function parseNmcliAnswer(text: string): boolean | undefined {
  const value = /^GENERAL\.METERED:(yes|no)(?: \(guessed\))?\s*$/m.exec(text)?.[1];
  return value === undefined ? undefined : value === 'yes';
}

/** The name of a `NetworkCostType`. */
export function parseWindowsAnswer(text: string): boolean | undefined {
  const value = /^(Unrestricted|Fixed|Variable)\s*$/.exec(text)?.[1];
  return value === undefined ? undefined : value !== 'Unrestricted';
}

/** The device of the default route with the least metric. @see man 5 proc, /proc/net/route */
export function parseRoutes(text: string): string | undefined {
  const isUp = 0x1;
  const routes = text
    .slice(0, MAX_ROUTES_CHARS)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, to, , flags, , , , mask]) => /^0{8}$/.test(to ?? '') && /^0{8}$/.test(mask ?? '') && hex(flags) & isUp)
    .map(([device, , , , , , metric]) => ({ device: device!, metric: Number(metric) }));
  return leastOf(routes);
}

/** The same of the table for IPv6, whose lines are in another order. */
export function parseRoutesV6(text: string): string | undefined {
  const isReject = 0x200;
  const routes = text
    .slice(0, MAX_ROUTES_CHARS)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([to, bits, , , , , , , flags]) => /^0{32}$/.test(to ?? '') && bits === '00' && !(hex(flags) & isReject))
    .map(([, , , , , metric, , , , device]) => ({ device: device ?? '', metric: hex(metric) }));
  return leastOf(routes.filter(({ device }) => device !== 'lo'));
}

async function askBus(system: System): Promise<boolean | undefined> {
  const name = 'org.freedesktop.NetworkManager';
  const question = ['--system', '--timeout=2', 'get-property', name, `/${name.replaceAll('.', '/')}`, name, 'Metered'];
  return parseBusAnswer(await ask(system, 'busctl', question));
}

async function askNmcli(system: System): Promise<boolean | undefined> {
  const [v4, v6] = system.routes ?? ROUTES;
  const device = parseRoutes(await read(v4)) ?? parseRoutesV6(await read(v6));
  if (device === undefined) return undefined;
  return parseNmcliAnswer(await ask(system, 'nmcli', ['-t', '-f', 'GENERAL.METERED', 'device', 'show', device]));
}

async function askWindows(system: System): Promise<boolean | undefined> {
  const root = system.env['SystemRoot'];
  if (root === undefined || !path.win32.isAbsolute(root)) return undefined;
  const program = path.win32.join(root, 'System32', 'WindowsPowerShell', 'v1.0', 'powershell.exe');
  const options = ['-NoLogo', '-NoProfile', '-NonInteractive', '-Command', WINDOWS_QUESTION];
  return parseWindowsAnswer(await run(system, program, options));
}

async function ask(system: System, name: string, args: readonly string[]): Promise<string> {
  const program = await findProgram(system, name);
  return program === undefined ? '' : run(system, program, args);
}

/** Only in absolute folders of PATH: never in the folder that a window happens to have open. */
async function findProgram({ env }: System, name: string): Promise<string | undefined> {
  for (const folder of (env['PATH'] ?? '').split(path.delimiter)) {
    if (!path.isAbsolute(folder)) continue;
    const program = path.join(folder, name);
    const isThere = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return program;
  }
  return undefined;
}

function run({ env, signal }: System, program: string, args: readonly string[]): Promise<string> {
  const options = {
    env: { ...env, LC_ALL: 'C' },
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    ...(signal ? { signal } : {}),
    maxBuffer: MAX_ANSWER_BYTES,
    windowsHide: true,
  } as const;
  return new Promise((resolve) => {
    try {
      execFile(program, [...args], options, (error, stdout) => resolve(error ? '' : stdout));
    } catch {
      resolve(''); // What can't even be started says nothing.
    }
  });
}

async function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

function leastOf(routes: readonly { readonly device: string; readonly metric: number }[]): string | undefined {
  const [least] = [...routes].sort((a, b) => a.metric - b.metric);
  // As the kernel allows them; what begins with a dash would be an option.
  return least && /^[A-Za-z0-9_][\w.@:-]{0,14}$/.test(least.device) ? least.device : undefined;
}

function hex(text: string | undefined): number {
  return /^[0-9a-fA-F]{1,8}$/.test(text ?? '') ? parseInt(text!, 16) : 0;
}
