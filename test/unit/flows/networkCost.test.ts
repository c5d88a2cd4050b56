import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  isNetworkMetered,
  parseBusAnswer,
  parseNmcliAnswer,
  parseRoutes,
  parseRoutesV6,
  parseWindowsAnswer,
} from '../../../src/engine/flows/networkCost';
import { withTempFolder } from '../../helpers/packages';

const ROUTES = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
enp3s0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
down0\t00000000\t010200C0\t0002\t0\t0\t1\t00000000\t0\t0\t0
enp3s0\t000200C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
`;
const NO_ROUTES = ROUTES.split('\n')[0]!;
const ZEROS = '0'.repeat(32);
const ROUTES_V6 = `${ZEROS} 00 ${ZEROS} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 wwan0
${ZEROS} 00 ${ZEROS} 00 ${ZEROS} ffffffff 00000001 00000000 00200200 lo
fe800000000000000000000000000000 40 ${ZEROS} 00 ${ZEROS} 00000100 00000001 00000000 00000001 wlan0
`;

describe('what a system says of its network', () => {
  it('is read from each of the answers that there are', () => {
    assert.deepEqual(['u 0', 'u 1', 'u 2', 'u 3\n', 'u 4\n'].map(parseBusAnswer), [
      undefined,
      true,
      false,
      true,
      false,
    ]);
    assert.deepEqual(
      ['yes', 'no', 'yes (guessed)', 'no (guessed)', 'unknown', ''].map((word) =>
        parseNmcliAnswer(`GENERAL.METERED:${word}\n`),
      ),
      [true, false, true, false, undefined, undefined],
    );
    assert.deepEqual(['Unrestricted\r\n', 'Fixed\r\n', 'Variable', 'Unknown', ''].map(parseWindowsAnswer), [
      false,
      true,
      true,
      undefined,
      undefined,
    ]);
  });

  it('is nothing when the answer is anything else', () => {
    const hostile = [
      'u 11',
      'u -1',
      'GENERAL.METERED:yes; rm',
      'xGENERAL.METERED:yes',
      'GENERAL.METERED:YES',
      'Fixed Fixed',
      '\u0000',
      'y'.repeat(100_000),
      `${' '.repeat(50_000)}u 1`,
    ];

    for (const text of hostile)
      for (const parse of [parseBusAnswer, parseNmcliAnswer, parseWindowsAnswer])
        assert.equal(parse(text), undefined, text.slice(0, 40));
  });

  it('is asked of the device of the default route with the least metric', () => {
    assert.deepEqual(
      [ROUTES, NO_ROUTES, '', 'x\n\n\t\t', ROUTES.replace('enp3s0\t0000', '-t\t0000')].map(parseRoutes),
      ['enp3s0', undefined, undefined, undefined, undefined],
    );
    assert.deepEqual([ROUTES_V6, ROUTES, ''].map(parseRoutesV6), ['wwan0', undefined, undefined]);
  });
});

describe('a network that costs by the byte', function () {
  before(function () {
    if (process.platform === 'win32') this.skip(); // A program there is no script.
  });

  /** A folder with programs that are scripts, and a routing table. */
  async function withPrograms(
    programs: Readonly<Record<string, string>>,
    use: (ask: (path?: string) => Promise<boolean | undefined>, folder: string) => Promise<void>,
  ): Promise<void> {
    await withTempFolder(async (folder) => {
      for (const [name, script] of Object.entries(programs)) {
        await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
        await chmod(join(folder, name), 0o755);
      }
      await writeFile(join(folder, 'route'), ROUTES);
      await writeFile(join(folder, 'ipv6_route'), ROUTES_V6);
      const routes = [join(folder, 'route'), join(folder, 'ipv6_route')] as const;
      await use((path = folder) => isNetworkMetered({ platform: 'linux', env: { PATH: path }, routes }), folder);
    });
  }

  it('is known from nmcli, which is asked about one device, in English', () =>
    withPrograms(
      {
        nmcli: `[ "$*" = "-t -f GENERAL.METERED device show enp3s0" ] && [ "$LC_ALL" = C ] && echo "GENERAL.METERED:yes (guessed)"`,
      },
      async (ask) => assert.equal(await ask(), true),
    ));

  it('is known from the bus of the system', () =>
    withPrograms(
      { busctl: `case "$*" in *"org.freedesktop.NetworkManager Metered") echo "u 1";; esac`, nmcli: 'exit 3' },
      async (ask) => assert.equal(await ask(), true),
    ));

  it('is known from nmcli where the bus says nothing', () =>
    withPrograms({ busctl: 'exit 1', nmcli: 'echo GENERAL.METERED:no' }, async (ask) =>
      assert.equal(await ask(), false),
    ));

  it('is not known where no program says it, or one says too much or fails', async () => {
    await withPrograms({}, async (ask) => assert.equal(await ask(), undefined));
    await withPrograms({ nmcli: 'echo GENERAL.METERED:yes; exit 8' }, async (ask) =>
      assert.equal(await ask(), undefined),
    );
    await withPrograms(
      { nmcli: 'echo GENERAL.METERED:yes; while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done' },
      async (ask) => assert.equal(await ask(), undefined),
    );
  });

  it('is asked of nobody any more when the engine closes', () =>
    withPrograms({ nmcli: 'exec sleep 60' }, async (_ask, folder) => {
      const closing = new AbortController();
      const routes = [join(folder, 'route'), join(folder, 'ipv6_route')] as const;
      const started = performance.now();
      const env = { PATH: `${folder}:/usr/bin:/bin` };
      const asking = isNetworkMetered({ platform: 'linux', env, routes, signal: closing.signal });
      setTimeout(() => closing.abort(), 50);

      assert.equal(await asking, undefined);
      assert.ok(performance.now() - started < 2_000);
    }));

  it('is not asked of a program in the present folder', () =>
    withPrograms({ nmcli: 'echo GENERAL.METERED:yes' }, async (ask, folder) => {
      const before = process.cwd();
      process.chdir(folder);
      try {
        assert.equal(await ask('.:'), undefined);
        assert.equal(await ask(`.:${folder}`), true);
      } finally {
        process.chdir(before);
      }
    }));

  it('is nothing that other systems tell', async () => {
    assert.equal(await isNetworkMetered({ platform: 'darwin', env: process.env }), undefined);
    assert.equal(await isNetworkMetered({ platform: 'win32', env: { SystemRoot: 'relative' } }), undefined);
  });
});
