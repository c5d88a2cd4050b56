import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseNames } from '../../../bench/options';
import type { Usage } from '../../../bench/peers/usage';
import { tableOf } from '../../../bench/section';
import { diskBytesOf, whenFileGrows, type Carried } from '../../../bench/transfer/carried';
import { COLUMNS, tableRows, targetRows, type Results } from '../../../bench/transfer/figures';
import { WAYS, WAY_KEYS, type WayKey } from '../../../bench/transfer/ways';

/** One GB, so that rates are easy to read. */
const BYTES = 1e9;

const usage = (cpuSeconds: number, part: Partial<Usage> = {}): Usage => ({
  cpuSeconds,
  peakRssBytes: 100e6,
  loopP99Ms: 4,
  loopMaxMs: 9,
  ...part,
});

function carried(mbPerS: number, cpuSeconds = 1, part: Partial<Usage> = {}): Carried {
  return {
    ms: (BYTES / 1e6 / mbPerS) * 1_000,
    giving: usage(cpuSeconds / 2),
    taking: usage(cpuSeconds / 2, part),
    diskBytes: BYTES,
  };
}

const RESULTS: Results = new Map<WayKey, readonly Carried[]>([
  ['pipe-noise', [carried(700)]],
  ['pipe-udx', [carried(200)]],
  ['copy', [carried(1_900)]],
  ['sha256', [carried(1_500)]],
  ['lane', [carried(500), carried(630, 1, { peakRssBytes: 120e6 }), carried(650, 1, { peakRssBytes: 170e6 })]],
  ['udx', [carried(150)]],
  ['webtorrent', [carried(160, 2)]],
]);

const verdicts = (results: Results, place: 'tmpfs' | 'disk') =>
  new Map(targetRows(place, BYTES, results).map(({ name, values }) => [name, values['verdict']]));

describe('table of transfers', () => {
  it('has a row for each way that ran, its median run against every limit', () => {
    const rows = tableRows(WAYS, BYTES, RESULTS);

    assert.equal(rows.length, RESULTS.size);
    const { values } = rows.find(({ name }) => name === 'LoRA Swarm, LAN lane')!;
    assert.equal(values['mbPerS'], 630);
    assert.equal(values['slowestMBPerS'], 500);
    assert.equal(values['quickestMBPerS'], 650);
    assert.equal(values['ofNoise'], 0.9);
    assert.equal(values['ofSha256'], 0.42);
    assert.equal(values['takerRssMB'], 120); // Of that run, not the worst of all.
    assert.equal(values['cpuSecondsPerGB'], 1);
    assert.equal(values['disk'], 1);
  });

  it('shows two figures of one kind in one column', () => {
    const rows = tableRows(WAYS, BYTES, new Map([['lane', [carried(500, 0.5)]]]));

    const [header, lane] = tableOf({ name: '', title: '', columns: COLUMNS, rows, notes: [] })
      .split('\n')
      .slice(2)
      .map((line) => line.trim().split(/ {2,}/));

    assert.equal(lane![1 + COLUMNS.findIndex(({ header }) => header === 'CPU s')], '0.25/0.25');
    assert.equal(lane![1 + COLUMNS.findIndex(({ header }) => header === 'x Noise')], '-');
    assert.deepEqual(
      header,
      COLUMNS.map((column) => column.header),
    );
  });
});

describe('targets of transfers', () => {
  it('are met or missed by the figures of one place', () => {
    const found = verdicts(RESULTS, 'tmpfs');

    assert.equal(found.get('lane, of WebTorrent TCP, tmpfs'), 'met');
    assert.equal(found.get('lane, of the slowest of Noise, copy, SHA-256, tmpfs'), 'met');
    assert.equal(found.get('lane: CPU of both per GB, of WebTorrent TCP, tmpfs'), 'met');
    assert.equal(found.get('UDX, of the UDX pipe, tmpfs'), 'missed');
    assert.equal(found.get('lane: loop delay p99, tmpfs'), 'met');
  });

  it('take the memory of the worst run', () => {
    const found = verdicts(RESULTS, 'tmpfs');

    assert.equal(found.get('lane: peak RSS of any run, tmpfs'), 'missed');
    assert.equal(found.get('UDX: peak RSS of any run, tmpfs'), 'met');
  });

  it('are left out where what they compare was not measured', () => {
    const found = verdicts(new Map([['lane', [carried(500)]]]), 'disk');

    assert.equal(found.get('lane, of WebTorrent TCP, disk'), 'left out');
    assert.equal(found.get('UDX: bytes on disk, disk'), 'left out');
    assert.equal(found.get('lane: bytes on disk, disk'), 'met');
    assert.ok(![...found.keys()].some((name) => name.includes('slowest')));
  });
});

describe('options of the transfers', () => {
  it('name rows with commas', () => {
    assert.deepEqual(parseNames('only', 'lane,webtorrent', WAY_KEYS), ['lane', 'webtorrent']);
    assert.deepEqual(parseNames('only', '', WAY_KEYS), []);
    assert.throws(() => parseNames('only', 'lane,torrent', WAY_KEYS), /--only knows no torrent\. Choose of pipe-tcp,/);
  });
});

describe('what a transfer leaves', () => {
  let folder: string;

  beforeEach(() => void (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-swarm-test-'))));
  afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

  it('is counted in all folders', () => {
    fs.mkdirSync(path.join(folder, 'a', 'b'), { recursive: true });
    fs.writeFileSync(path.join(folder, 'a', 'b', 'one'), Buffer.alloc(1 << 20, 1));
    fs.writeFileSync(path.join(folder, 'two'), Buffer.alloc(1 << 20, 2));

    const bytes = diskBytesOf(folder);

    assert.ok(bytes >= 2 << 20 && bytes < 3 << 20, `${bytes}`);
  });

  it('tells when its first byte came', async () => {
    const file = path.join(folder, 'file');
    const end = new AbortController();
    const growing = whenFileGrows(file, end.signal);
    fs.writeFileSync(file, '');
    await once(fs.createWriteStream(file).end('x'), 'finish');

    const at = await growing;

    assert.ok(at !== undefined && at <= performance.now());
  });

  it('tells that nothing came, when the end is before', async () => {
    const end = new AbortController();
    const growing = whenFileGrows(path.join(folder, 'file'), end.signal);

    end.abort();

    assert.equal(await growing, undefined);
  });
});
