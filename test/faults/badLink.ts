import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { findNode, ROOT } from '../run/machine';
import type { Place } from './ground';

export interface LinkOptions {
  /** One way, in milliseconds. */
  readonly delay?: number;
  readonly jitter?: number;
  /** Percent of packets. */
  readonly loss?: number;
  readonly dup?: number;
  readonly reorder?: number;
  readonly mtu?: number;
}

/** Why no bad link can be had here. */
export function noBadLinks(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are there on Linux only';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  if (!fs.existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
  const missing = ['ip', 'python3'].find((program) => spawnSync(program, ['--help'], { stdio: 'ignore' }).error);
  return missing === undefined ? undefined : `there is no ${missing}`;
}

let made = 0;

/** Two network namespaces, a bad link between them, and a DHT at the near end. Nothing in them reaches anything else. */
export class BadLink {
  readonly #names: readonly string[];
  readonly #children: ChildProcess[] = [];
  #bootstrap: readonly string[] = [];

  private constructor() {
    this.#names = ['a', 'b'].map((end) => `lora-faults-${process.pid}-${made}${end}`);
    made++;
  }

  static async open(options: LinkOptions): Promise<BadLink> {
    const link = new BadLink();
    try {
      await link.#open(options);
      return link;
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  /** Where sharers are. */
  get near(): Place {
    return this.#place(0, '10.66.0.1');
  }

  /** Where the downloader is; it takes any address that the interface has. */
  get far(): Place {
    return this.#place(1, '0.0.0.0');
  }

  /** Lets every packet vanish, or none any more. */
  setHole(isOn: boolean): void {
    this.#children[0]!.stdin!.write(`hole ${isOn ? 'on' : 'off'}\n`);
  }

  /** The far end gets another address, as a machine that changes networks. */
  changeAddress(from: string, to: string): void {
    for (const change of [`del ${from}/24`, `add ${to}/24`])
      run('ip', ['-n', this.#names[1]!, 'address', ...change.split(' '), 'dev', 'bad']);
  }

  /** Ends the link and the namespaces; what runs in them has to be ended before. */
  async close(): Promise<void> {
    for (const child of this.#children.splice(0)) {
      child.stdin!.end();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    for (const name of this.#names) if (fs.existsSync(`/var/run/netns/${name}`)) run('ip', ['netns', 'del', name]);
  }

  async #open(options: LinkOptions): Promise<void> {
    for (const name of this.#names) run('ip', ['netns', 'add', name]);
    const settings = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    await this.#start('python3', [path.join(import.meta.dirname, 'tunLink.py'), ...this.#names, ...settings]);
    const host = path.join(import.meta.dirname, 'dhtHost.ts');
    const args = [findNode(), '--import', 'tsx', host, '10.66.0.1'];
    this.#bootstrap = JSON.parse(await this.#start('ip', ['netns', 'exec', this.#names[0]!, ...args])) as string[];
  }

  /** @returns its first line. */
  async #start(program: string, args: readonly string[]): Promise<string> {
    const child = spawn(program, args, { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.push(child);
    child.stdin.on('error', () => undefined); // It ended; that shows elsewhere.
    const [line] = (await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(() => {
        throw new Error(`${program} ended before it was up`);
      }),
    ])) as [Buffer];
    return line.toString();
  }

  #place(end: number, host: string): Place {
    return { host, bootstrap: this.#bootstrap, wrap: ['ip', 'netns', 'exec', this.#names[end]!] };
  }
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
}
