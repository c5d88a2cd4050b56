import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { CLI, Terminal, type Command, type JsonLine } from '../../cli/terminal';

const PACKETS = path.join(import.meta.dirname, 'packets.py');
const PREFIX = 'lora-test-';
/** Nothing listens there: an engine that should find no Ollama. */
const NO_OLLAMA = 'http://127.0.0.1:9';

/** Why this machine can't have networks of its own; undefined when it can. */
export function whyNoNetworks(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are there on Linux only';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const missing = ['ip', 'python3'].find((program) => spawnSync(program, ['--help'], { stdio: 'ignore' }).error);
  if (missing) return `there is no ${missing}`;
  const probe = `${PREFIX}${process.pid}-probe`;
  const { status, stderr } = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' });
  if (status !== 0) return `this machine makes no network namespaces: ${stderr.trim()}`;
  ip('netns', 'del', probe);
  return undefined;
}

/** A packet that was seen on the wire, whoever sent it. Each kind once. */
export interface Seen {
  readonly interface: string;
  /** 6 is TCP, 17 UDP. */
  readonly protocol: number;
  readonly from: string;
  readonly to: string;
  readonly port: number;
}

export interface SeenBeacon {
  readonly from: string;
  /** What the packet holds. */
  readonly hex: string;
}

export interface Sniffer {
  readonly seen: () => readonly Seen[];
  readonly beacons: () => readonly SeenBeacon[];
  /** Waits for packets; the test's own timeout is the limit. */
  readonly until: (fits: () => boolean) => Promise<void>;
}

let made = 0;

/**
 * Machines on one or more networks of their own: a network namespace each, and one with the bridges between them. Nothing
 * else is connected to them, so nothing that runs there reaches further. Everything goes with `close`, or with the process.
 */
export class TestNetwork {
  readonly #name = `${PREFIX}${process.pid}-${made++}`;
  readonly #switch = `${this.#name}-switch`;
  readonly #namespaces: string[] = [];
  readonly #terminal = new Terminal();
  readonly #helpers = new Set<ChildProcess>();
  readonly #hosts = new Map<string, TestHost>();
  readonly #onExit = (): void => this.#removeNamespaces();
  #ports = 0;

  /** @param networks that there are: 0 is 10.77.0.0/24, and so on. */
  static open(networks = 1): TestNetwork {
    removeLeftovers();
    const network = new TestNetwork();
    process.once('exit', network.#onExit);
    try {
      // What is tested stays the same while somebody builds.
      fs.cpSync(path.dirname(CLI), path.dirname(network.#cli), { recursive: true });
      network.#make(network.#switch);
      for (let i = 0; i < networks; i++) network.inSwitch('link', 'add', `br${i}`, 'type', 'bridge');
      // Learning who wants multicast takes a bridge minutes; these pass it on, as a cheap switch does.
      for (let i = 0; i < networks; i++)
        network.inSwitch('link', 'set', `br${i}`, 'type', 'bridge', 'mcast_snooping', '0');
      for (let i = 0; i < networks; i++) network.inSwitch('link', 'set', `br${i}`, 'up');
      return network;
    } catch (error) {
      network.#removeNamespaces();
      throw error;
    }
  }

  get folder(): string {
    return this.#terminal.folder;
  }

  get #cli(): string {
    return path.join(this.folder, 'dist', path.basename(CLI));
  }

  /** A machine with one cable to each of these networks; its address there ends in `number`. */
  host(name: string, number: number, networks: readonly number[] = [0]): TestHost {
    const namespace = `${this.#name}-${name}`;
    this.#make(namespace);
    const host = new TestHost(name, namespace, path.join(this.folder, name), this.#cli, this.#terminal);
    this.#hosts.set(name, host);
    for (const network of networks) this.plug(host, network, number);
    return host;
  }

  /** Puts a cable in. @returns the name of its end in the switch. */
  plug(host: TestHost, network: number, number: number): string {
    const port = `port${this.#ports++}`;
    this.inSwitch('link', 'add', port, 'type', 'veth', 'peer', 'name', `lan${network}`, 'netns', host.namespace);
    this.inSwitch('link', 'set', port, 'master', `br${network}`, 'up');
    host.ip('addr', 'add', `10.77.${network}.${number}/24`, 'brd', '+', 'dev', `lan${network}`);
    host.ip('link', 'set', `lan${network}`, 'up');
    host.ports.set(network, port);
    return port;
  }

  /** What these machines send to the internet comes as far as here, and no further. */
  addGateway(...hosts: readonly TestHost[]): void {
    this.inSwitch('addr', 'add', '10.77.0.254/24', 'dev', 'br0');
    for (const host of hosts) host.ip('route', 'add', 'default', 'via', '10.77.0.254');
  }

  inSwitch(...args: readonly string[]): void {
    ip('-n', this.#switch, ...args);
  }

  /** Nothing that is said to everybody reaches this machine until `end`; what is said to it does. */
  deafen(deaf: TestHost, hosts: readonly TestHost[]): { end(): void } {
    const port = deaf.ports.get(0)!;
    const { mac, address } = deaf.card();
    // Asking for an address is said to everybody, too.
    for (const host of hosts)
      if (host !== deaf) host.ip('neigh', 'replace', address, 'lladdr', mac, 'dev', 'lan0', 'nud', 'permanent');
    const flood = (value: 'on' | 'off'): void => this.setPort(port, 'mcast_flood', value, 'bcast_flood', value);
    flood('off');
    return { end: () => flood('on') };
  }

  /** Settings of the end of a cable, such as `mcast_flood off`. */
  setPort(port: string, ...args: readonly string[]): void {
    run('bridge', '-n', this.#switch, 'link', 'set', 'dev', port, ...args);
  }

  /** Watches every cable from now on. What it gives says what was seen so far, at any time. */
  async sniff(): Promise<Sniffer> {
    const seen: Seen[] = [];
    const beacons: SeenBeacon[] = [];
    const waiting = new Set<() => void>();
    const { lines } = this.#python(this.#switch, 'sniff');
    await once(lines, 'line');
    lines.on('line', (line: string) => {
      const packet = JSON.parse(line) as Seen | SeenBeacon;
      if ('hex' in packet) beacons.push(packet);
      else seen.push(packet);
      for (const check of waiting) check();
    });
    const until = (fits: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!fits()) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      });
    return { seen: () => seen, beacons: () => beacons, until };
  }

  /** Sends UDP packets from a machine, as if they came from elsewhere. */
  forger(host: TestHost): (packet: ForgedPacket) => Promise<void> {
    const { child, lines } = this.#python(host.namespace, 'forge');
    return async (packet) => {
      const sent = once(lines, 'line');
      child.stdin!.write(`${JSON.stringify({ ...packet, hex: packet.bytes.toString('hex'), bytes: undefined })}\n`);
      await sent;
    };
  }

  /** A program on a machine; it ends with the network. */
  spawn(namespace: string, command: string, args: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', namespace, command, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#helpers.add(child);
    return child;
  }

  async close(): Promise<void> {
    await this.#terminal.dispose();
    const running = [...this.#helpers].filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    await Promise.all(
      running.map((child) => {
        child.kill('SIGKILL');
        return once(child, 'exit');
      }),
    );
    this.#removeNamespaces();
    process.off('exit', this.#onExit);
  }

  #make(namespace: string): void {
    ip('netns', 'add', namespace);
    this.#namespaces.push(namespace);
    // The kernel's own talk of IPv6 would only be in the way.
    run('ip', 'netns', 'exec', namespace, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 || true');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
  }

  #python(namespace: string, task: string): { child: ChildProcess; lines: readline.Interface } {
    const child = this.spawn(namespace, 'python3', ['-u', PACKETS, task]);
    return { child, lines: readline.createInterface({ input: child.stdout! }) };
  }

  #removeNamespaces(): void {
    for (const name of this.#namespaces.splice(0)) spawnSync('ip', ['netns', 'del', name]);
  }
}

export interface ForgedPacket {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  readonly bytes: Buffer;
}

/** One machine: its own network stack, and the real command line on it. */
export class TestHost {
  /** Ends of its cables in the switch. */
  readonly ports = new Map<number, string>();

  constructor(
    readonly name: string,
    readonly namespace: string,
    readonly home: string,
    private readonly cli: string,
    private readonly terminal: Terminal,
  ) {}

  ip(...args: readonly string[]): void {
    ip('-n', this.namespace, ...args);
  }

  /** Of its cable to network 0. */
  card(): { readonly mac: string; readonly address: string } {
    const { stdout } = spawnSync('ip', ['-n', this.namespace, '-j', 'addr', 'show', 'lan0'], { encoding: 'utf8' });
    const [card] = JSON.parse(stdout) as [{ address: string; addr_info: [{ local: string }] }];
    return { mac: card.address, address: card.addr_info[0].local };
  }

  /** Starts `lora-swarm ARGS --json`; `home` for another engine on the same machine. */
  start(args: readonly string[], { home = this.home, env = {} }: HostOptions = {}): Command {
    return this.terminal.start(['exec', this.namespace, process.execPath, this.cli, ...args, '--json'], {
      node: 'ip',
      cli: 'netns',
      env: { OLLAMA_HOST: NO_OLLAMA, ...env, LORA_SWARM_HOME: home },
    });
  }

  /** Runs a command to its end. @returns its result. @throws when it fails. */
  async run(args: readonly string[], options?: HostOptions): Promise<JsonLine> {
    const command = this.start(args, options);
    await command.exited;
    if (command.code !== 0) throw new Error(`${this.name}: ${args.join(' ')}: ${command.stdout} ${command.stderr}`);
    return command.last;
  }

  /** An engine that runs until the network is closed. */
  async serve(options?: HostOptions): Promise<Command> {
    const engine = this.start(['serve'], options);
    await engine.line('ready');
    return engine;
  }
}

export interface HostOptions {
  readonly home?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Of a test that was killed. */
function removeLeftovers(): void {
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  for (const line of stdout.split('\n')) {
    const [name = ''] = line.split(' ');
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (owner !== undefined && !fs.existsSync(`/proc/${owner}`)) spawnSync('ip', ['netns', 'del', name]);
  }
}

function ip(...args: readonly string[]): void {
  run('ip', ...args);
}

function run(command: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
