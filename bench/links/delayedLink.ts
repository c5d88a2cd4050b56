import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import type { Ground } from '../ground';

const PROGRAM = path.join(import.meta.dirname, 'tunlink.py');
const TUN = '/dev/net/tun';

/** One side of a link. */
export interface LinkEnd {
  readonly address: string;
  /** What a process is started by to be there. */
  readonly launcher: readonly string[];
}

export interface LinkOptions {
  readonly rttMs: number;
  /** Of the packets of each direction. */
  readonly lossPercent?: number;
}

/** Both ends on loopback: no delay, nothing needed. */
export const LOOPBACK: LinkEnd = { address: '127.0.0.1', launcher: [] };

/** Why this machine can't have a delayed link; undefined when it can. */
export function whyNoDelay(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are there on Linux only';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  if (!fs.existsSync(TUN)) return `there is no ${TUN}`;
  const missing = ['ip', 'python3'].find((program) => spawnSync(program, ['--help'], { stdio: 'ignore' }).error);
  return missing && `there is no ${missing}`;
}

let made = 0;

/**
 * Two network namespaces and a link between them that takes its time. Nothing else is connected to them, so nothing that
 * runs in one reaches further than the other.
 */
export class DelayedLink {
  readonly a: LinkEnd;
  readonly b: LinkEnd;
  readonly #namespaces: readonly string[];
  #carrier: ChildProcess | undefined;

  private constructor() {
    this.#namespaces = ['a', 'b'].map((end) => `lora-bench-${process.pid}-${made}${end}`);
    made++;
    const [a, b] = this.#namespaces.map((name, at) => ({
      address: `10.66.0.${at + 1}`,
      launcher: ['ip', 'netns', 'exec', name],
    }));
    this.a = a!;
    this.b = b!;
  }

  static async open(ground: Ground, options: LinkOptions): Promise<DelayedLink> {
    const link = new DelayedLink();
    ground.onDispose(() => link.close());
    try {
      await link.#open(options);
      return link;
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  async #open({ rttMs, lossPercent = 0 }: LinkOptions): Promise<void> {
    for (const name of this.#namespaces) ip('add', name);
    const carrier = spawn('python3', [PROGRAM, ...this.#namespaces, String(rttMs / 2), String(lossPercent)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#carrier = carrier;
    await Promise.race([
      once(carrier.stdout, 'data'),
      once(carrier, 'exit').then(() => {
        throw new Error('the delayed link did not come up');
      }),
    ]);
  }

  /** Ends the link, and the namespaces with what is in them. */
  async close(): Promise<void> {
    const carrier = this.#carrier;
    this.#carrier = undefined;
    if (carrier && carrier.exitCode === null && carrier.signalCode === null) {
      carrier.stdin!.end();
      await once(carrier, 'exit');
    }
    for (const name of this.#namespaces) if (fs.existsSync(`/var/run/netns/${name}`)) ip('del', name);
  }
}

function ip(verb: 'add' | 'del', namespace: string): void {
  const { status, stderr } = spawnSync('ip', ['netns', verb, namespace], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip netns ${verb} ${namespace}: ${stderr}`);
}
