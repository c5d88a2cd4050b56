import { below, figure, least, leftOut, most, type Row } from '../links/targets';
import type { Section } from '../section';
import { median, medianRun } from '../stats';
import type { Carried } from './carried';
import type { PlaceName } from './place';
import type { Way, WayKey } from './ways';

const MB = 1e6;
const GB = 1e9;

/** All runs of each way in one place; a way without a run was left out. */
export type Results = ReadonlyMap<WayKey, readonly Carried[]>;

export const COLUMNS: Section['columns'] = [
  { key: 'mbPerS', header: 'MB/s', digits: 0 },
  { key: 'slowestMBPerS', second: 'quickestMBPerS', header: 'runs', digits: 0 },
  { key: 'path', header: 'over', digits: 0 },
  { key: 'ofNoise', header: 'x Noise', digits: 2 },
  { key: 'ofUdx', header: 'x UDX', digits: 2 },
  { key: 'ofCopy', header: 'x copy', digits: 2 },
  { key: 'ofSha256', header: 'x SHA', digits: 2 },
  { key: 'ofWebTorrent', header: 'x WebT', digits: 2 },
  { key: 'firstByteMs', header: 'first ms', digits: 0 },
  { key: 'takerCpuSeconds', second: 'giverCpuSeconds', header: 'CPU s', digits: 2 },
  { key: 'cpuSecondsPerGB', header: 's/GB', digits: 2 },
  { key: 'takerRssMB', second: 'giverRssMB', header: 'RSS MB', digits: 0 },
  { key: 'takerLoopP99Ms', second: 'takerLoopMaxMs', header: 'taker loop', digits: 1 },
  { key: 'giverLoopP99Ms', second: 'giverLoopMaxMs', header: 'giver loop', digits: 1 },
  { key: 'takerThreadP99Ms', second: 'takerThreadMaxMs', header: 'taker thread', digits: 1 },
  { key: 'giverThreadP99Ms', second: 'giverThreadMaxMs', header: 'giver thread', digits: 1 },
  { key: 'idleLoopP99Ms', second: 'idleLoopMaxMs', header: 'idle loop', digits: 1 },
  { key: 'disk', header: 'disk x', digits: 2 },
];

/** One row for each way that ran: its median run by rate, whole, so that the figures belong together. */
export function tableRows(ways: readonly Way[], bytes: number, results: Results): Row[] {
  const limit = (key: WayKey): number | undefined => rateOf(results.get(key), bytes);
  const [noise, udx, copy, sha256] = [limit('pipe-noise'), limit('pipe-udx'), limit('copy'), limit('sha256')];
  const webTorrent = limit('webtorrent');
  return ways.flatMap(({ key, name }) => {
    const runs = results.get(key) ?? [];
    const run = middle(runs);
    const rate = rateOf(runs, bytes);
    if (!run || rate === undefined) return [];
    const { giving, taking, idle } = run;
    const rates = runs.map(({ ms }) => bytes / MB / (ms / 1_000));
    return {
      name,
      values: {
        mbPerS: rate,
        slowestMBPerS: Math.min(...rates),
        quickestMBPerS: Math.max(...rates),
        path: run.path,
        ofNoise: ratio(rate, noise),
        ofUdx: ratio(rate, udx),
        ofCopy: ratio(rate, copy),
        ofSha256: ratio(rate, sha256),
        ofWebTorrent: ratio(rate, webTorrent),
        firstByteMs: run.firstByteMs,
        takerCpuSeconds: taking?.cpuSeconds,
        giverCpuSeconds: giving?.cpuSeconds,
        cpuSecondsPerGB: cpuPerGB(run, bytes),
        takerRssMB: ratio(taking?.peakRssBytes, MB),
        giverRssMB: ratio(giving?.peakRssBytes, MB),
        takerLoopP99Ms: taking?.loopP99Ms,
        takerLoopMaxMs: taking?.loopMaxMs,
        giverLoopP99Ms: giving?.loopP99Ms,
        giverLoopMaxMs: giving?.loopMaxMs,
        takerThreadP99Ms: taking?.engine?.p99Ms,
        takerThreadMaxMs: taking?.engine?.maxMs,
        giverThreadP99Ms: giving?.engine?.p99Ms,
        giverThreadMaxMs: giving?.engine?.maxMs,
        idleLoopP99Ms: idle?.loopP99Ms,
        idleLoopMaxMs: idle?.loopMaxMs,
        disk: ratio(run.diskBytes, bytes),
      },
    };
  });
}

/** What has to hold, of what was measured in one place. */
export function targetRows(place: PlaceName, bytes: number, results: Results): Row[] {
  const rate = (key: WayKey): number | undefined => rateOf(results.get(key), bytes);
  const cpu = (key: WayKey): number | undefined => cpuPerGB(middle(results.get(key) ?? []), bytes);
  const row = (name: string, measured: number | undefined, unit: string, target: Parameters<typeof figure>[3]): Row =>
    measured === undefined ? leftOut(`${name}, ${place}`) : figure(`${name}, ${place}`, measured, unit, target);
  const [noise, copy, sha256] = [rate('pipe-noise'), rate('copy'), rate('sha256')];
  const slowest = noise && copy && sha256 && Math.min(noise, copy, sha256);
  return [
    row('lane, of WebTorrent TCP', ratio(rate('lane'), rate('webtorrent')), 'x', least(3)),
    // A disk is slower than any of the three, and how much it is says nothing about the engine.
    ...(place === 'tmpfs'
      ? [row('lane, of the slowest of Noise, copy, SHA-256', ratio(rate('lane'), slowest), 'x', least(0.85))]
      : []),
    row('lane: CPU of both per GB, of WebTorrent TCP', ratio(cpu('lane'), cpu('webtorrent')), 'x', below(0.6)),
    row('UDX, of the UDX pipe', ratio(rate('udx'), rate('pipe-udx')), 'x', least(0.9)),
    ...(['lane', 'udx'] as const).flatMap((key) => {
      const label = key === 'lane' ? 'lane' : 'UDX';
      const runs = results.get(key) ?? [];
      const ends = runs.flatMap(({ giving, taking }) => [giving!, taking!]);
      const run = middle(runs);
      const worst = (figures: readonly number[]) => (figures.length > 0 ? Math.max(...figures) : undefined);
      const loops = run ? [run.giving!, run.taking!] : [];
      return [
        row(`${label}: peak RSS of any run`, worst(ends.map((end) => end.peakRssBytes / MB)), 'MB', below(160)),
        row(`${label}: loop delay p99`, worst(loops.map((end) => end.loopP99Ms)), 'ms', below(12)),
        row(`${label}: loop delay max`, worst(loops.map((end) => end.loopMaxMs)), 'ms', below(50)),
        row(`${label}: bytes on disk`, ratio(run?.diskBytes, bytes), 'x', most(1.01)),
      ];
    }),
  ];
}

function rateOf(runs: readonly Carried[] | undefined, bytes: number): number | undefined {
  return runs && runs.length > 0 ? bytes / MB / (median(runs.map(({ ms }) => ms)) / 1_000) : undefined;
}

function middle(runs: readonly Carried[]): Carried | undefined {
  return runs.length > 0 ? medianRun(runs, ({ ms }) => ms) : undefined;
}

function cpuPerGB(run: Carried | undefined, bytes: number): number | undefined {
  return run?.taking && (run.taking.cpuSeconds + (run.giving?.cpuSeconds ?? 0)) / (bytes / GB);
}

function ratio(value: number | undefined, of: number | undefined): number | undefined {
  return value !== undefined && of !== undefined ? value / of : undefined;
}
