import { spawnSync } from 'node:child_process';
import type { Ground } from '../ground';
import type { PipeKind } from '../peers/pipes';
import { runCopy, runSha256, runSha256sum } from './alone';
import type { Cargo } from './cargo';
import type { Carried } from './carried';
import { runDrive, runEngines, runPipe, runTorrent } from './pairs';

export const WAY_KEYS = [
  ...(['pipe-tcp', 'pipe-tls', 'pipe-noise', 'pipe-udx', 'copy', 'sha256', 'sha256sum'] as const),
  ...(['lane', 'udx', 'webtorrent', 'webtorrent-utp', 'hyperdrive'] as const),
] as const;
export type WayKey = (typeof WAY_KEYS)[number];

/** One way to get a file, or a part of that work. */
export interface Way {
  readonly key: WayKey;
  readonly name: string;
  readonly isOurs?: true;
  /** Programs of others, which are installed for the benchmark. */
  readonly isRival?: true;
  /** What it writes at most, in sizes of the file. */
  readonly copies: number;
  /** What it needs of the system and why there is none. */
  readonly missing?: () => string | undefined;
  readonly run: (ground: Ground, cargo: Cargo, scratch: string) => Promise<Carried>;
}

export const WAYS: readonly Way[] = [
  pipe('tcp', 'pipe: TCP'),
  pipe('tls', 'pipe: TLS 1.3, AES-GCM'),
  pipe('noise', 'pipe: Noise on TCP'),
  pipe('udx', 'pipe: HyperDHT (UDX)'),
  { key: 'copy', name: 'plain copy, synced', copies: 1, run: runCopy },
  { key: 'sha256', name: 'SHA-256 in Node', copies: 0, run: runSha256 },
  {
    key: 'sha256sum',
    name: 'sha256sum',
    copies: 0,
    missing: () => (spawnSync('sha256sum', ['--version']).error ? 'the system has no sha256sum' : undefined),
    run: (_ground, cargo) => runSha256sum(cargo),
  },
  {
    key: 'lane',
    name: 'LoRA Swarm, LAN lane',
    isOurs: true,
    copies: 1,
    run: (ground, cargo, scratch) => runEngines(ground, true, cargo, scratch),
  },
  {
    key: 'udx',
    name: 'LoRA Swarm, UDX',
    isOurs: true,
    copies: 1,
    run: (ground, cargo, scratch) => runEngines(ground, false, cargo, scratch),
  },
  {
    key: 'webtorrent',
    name: 'WebTorrent 3, TCP',
    isRival: true,
    copies: 1,
    run: (ground, cargo, scratch) => runTorrent(ground, 'tcp', cargo, scratch),
  },
  {
    key: 'webtorrent-utp',
    name: 'WebTorrent 3, uTP',
    isRival: true,
    copies: 1,
    run: (ground, cargo, scratch) => runTorrent(ground, 'utp', cargo, scratch),
  },
  {
    key: 'hyperdrive',
    name: 'Hyperdrive 13, HyperDHT',
    isRival: true,
    copies: 4, // Its drive, and the other one that comes before the folder, with room for a log.
    run: runDrive,
  },
];

function pipe(kind: PipeKind, name: string): Way {
  return { key: `pipe-${kind}`, name, copies: 0, run: (ground, cargo) => runPipe(ground, kind, cargo) };
}
