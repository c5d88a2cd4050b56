import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Command } from '../cli/terminal';
import { TestNetwork, whyNoNetworks, type TestHost } from '../helpers/lan/testNetwork';
import { writePeftAdapter } from '../helpers/writeAdapter';

const missing = whyNoNetworks();
/** What is promised for a network that changes under a running engine. */
const BACK_MS = 30_000;

describe(`the local network, on machines of its own${missing === undefined ? '' : ` (skipped: ${missing})`}`, function () {
  this.timeout(60_000);
  let network: TestNetwork;

  before(function () {
    if (missing !== undefined) this.skip();
  });
  afterEach(() => network.close());

  it('three machines without internet find each other, list and fetch, and a private room keeps to itself', async () => {
    network = TestNetwork.open();
    const [ana, ben, cem] = [network.host('ana', 1), network.host('ben', 2), network.host('cem', 3)];
    network.addGateway(ana, ben); // A router that lost its line, and for cem none at all.
    const [, onBen, onCem] = await Promise.all([ana.serve(), ben.serve(), cem.serve()]);
    const runs = { open: await adapter('open', 1), lab: await adapter('lab', 2) };

    await Promise.all([ana, ben, cem].map((host) => host.run(['room', 'join', 'local'])));
    const open = await ana.run(['share', runs.open, '--room', 'local', '--no-wait']);
    const { code, room } = await ana.run(['room', 'create', 'lab']);
    await ben.run(['room', 'join', String(code)]);
    const secret = await ana.run(['share', runs.lab, '--room', 'lab', '--no-wait']);
    await Promise.all([offered(onBen, 'local'), offered(onCem, 'local'), offered(onBen, String(room))]);
    const onBenOne = await ben.run(['get', String(secret['id'])]);
    const onCemOne = await cem.run(['get', String(open['id'])]);
    const lists = await Promise.all([ben, cem].map((host) => namesOn(host)));

    assert.deepEqual(weightsIn(String(onBenOne['path'])), weightsIn(runs.lab));
    assert.deepEqual(weightsIn(String(onCemOne['path'])), weightsIn(runs.open));
    assert.deepEqual(lists, [['lab', 'open'], ['open']]);
  });

  it('members of a private room alone find each other, and who only knows the local room does not see them', async () => {
    network = TestNetwork.open();
    const [ana, ben, eve] = [network.host('ana', 1), network.host('ben', 2), network.host('eve', 3)];
    const [onAna, onBen] = await Promise.all([ana.serve(), ben.serve(), eve.serve()]);
    const keys = await Promise.all([ana, ben].map((host) => keyOf(host)));
    const { seen, beacons } = await network.sniff();

    await eve.run(['room', 'join', 'local']);
    const { code } = await ana.run(['room', 'create', 'lab']);
    await ben.run(['room', 'join', String(code)]);
    await Promise.all([connected(onAna), connected(onBen)]);
    const peers = await eve.run(['peers']);

    const isOf = (host: TestHost): string => host.card().address;
    const met = (a: TestHost, b: TestHost): boolean =>
      seen().some(({ from, to }) => (from === isOf(a) && to === isOf(b)) || (from === isOf(b) && to === isOf(a)));
    const sealed = beacons().filter(({ from }) => from !== isOf(eve));
    assert.deepEqual(peers['peers'], []);
    assert.deepEqual([met(ana, ben), met(ana, eve), met(ben, eve)], [true, false, false]);
    assert.deepEqual([...new Set(sealed.map(({ hex }) => hex.length / 2))], [790]);
    assert.equal(
      sealed.some(({ hex }) => keys.some((key) => hex.includes(key))),
      false,
    );
  });

  it('two engines of one machine meet, with a network and without one', async () => {
    network = TestNetwork.open();
    const [ana, ben] = [network.host('ana', 1), network.host('ben', 2)];
    const second = { home: `${ana.home}-2` };
    const [onFirst, onSecond] = await Promise.all([ana.serve(), ana.serve(second)]);
    ana.ip('link', 'set', 'lan0', 'down');

    await Promise.all([ana.run(['room', 'join', 'local']), ana.run(['room', 'join', 'local'], second)]);
    await Promise.all([connected(onFirst), connected(onSecond)]);
    ana.ip('link', 'set', 'lan0', 'up');
    const onBen = await ben.serve();
    await ben.run(['room', 'join', 'local']);
    await until(onBen, (lines) => lines.some(({ type, count }) => type === 'peers:updated' && count === 2));

    assert.equal(((await ben.run(['peers']))['peers'] as unknown[]).length, 2);
  });

  it('a machine on two networks meets both, and goes on over one when the other is pulled', async () => {
    network = TestNetwork.open(2);
    const ana = network.host('ana', 1, [0, 1]);
    const [ben, cem] = [network.host('ben', 2, [0, 1]), network.host('cem', 3, [1])];
    const [onAna, onBen] = await Promise.all([ana.serve(), ben.serve(), cem.serve()]);

    await Promise.all([ana, ben, cem].map((host) => host.run(['room', 'join', 'local'])));
    await until(onAna, (lines) => lines.filter(({ type }) => type === 'peer:connected').length >= 2);
    const pulledAt = performance.now();
    network.inSwitch('link', 'set', ben.ports.get(0)!, 'down');
    ben.ip('link', 'set', 'lan0', 'down');
    const runs = await adapter('late', 3);
    await ben.run(['share', runs, '--room', 'local', '--no-wait']);
    await offered(onAna, 'local');
    const got = await ana.run(['get', 'late']);
    const tookMs = performance.now() - pulledAt;

    assert.deepEqual(weightsIn(String(got['path'])), weightsIn(runs));
    assert.ok(tookMs < BACK_MS, `${tookMs} ms`);
    assert.equal(onBen.code, null);
  });

  for (const lost of ['the lower key hears nothing', 'the higher key hears nothing', 'multicast is lost'] as const)
    it(`machines meet where beacons get lost: ${lost}`, async () => {
      network = TestNetwork.open();
      const [ana, ben] = [network.host('ana', 1), network.host('ben', 2)];
      const [onAna, onBen] = await Promise.all([ana.serve(), ben.serve()]);
      const [low, high] = (await keyOf(ana)) < (await keyOf(ben)) ? [ana, ben] : [ben, ana];
      if (lost === 'multicast is lost')
        for (const host of [ana, ben]) network.setPort(host.ports.get(0)!, 'mcast_flood', 'off');
      else network.deafen(lost === 'the lower key hears nothing' ? low : high, [ana, ben]);

      await Promise.all([ana, ben].map((host) => host.run(['room', 'join', 'local'])));
      await Promise.all([connected(onAna), connected(onBen)]);
    });

  it('machines meet when beacons come through again after a while', async () => {
    network = TestNetwork.open();
    const [ana, ben] = [network.host('ana', 1), network.host('ben', 2)];
    const [onAna, onBen] = await Promise.all([ana.serve(), ben.serve()]);
    const silent = network.deafen(ana, [ana, ben]);
    const alsoSilent = network.deafen(ben, [ana, ben]);

    const { code } = await ana.run(['room', 'create', 'lab']);
    await ben.run(['room', 'join', String(code)]);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const before = [onAna, onBen].flatMap(({ lines }) => lines.filter(({ type }) => type === 'peer:connected'));
    silent.end();
    alsoSilent.end();
    await Promise.all([connected(onAna), connected(onBen)]);

    assert.deepEqual(before, []);
  });

  it('a machine whose address changes is back within 30 s by itself', async () => {
    network = TestNetwork.open();
    const [ana, ben] = [network.host('ana', 1), network.host('ben', 2)];
    const [, onBen] = await Promise.all([ana.serve(), ben.serve()]);
    const first = await adapter('first', 1);
    const second = await adapter('second', 2);
    const { code, room } = await ana.run(['room', 'create', 'lab']);
    await ben.run(['room', 'join', String(code)]);
    await ana.run(['share', first, '--room', 'lab', '--no-wait']);
    await offered(onBen, String(room));

    const changedAt = performance.now();
    ana.ip('addr', 'del', '10.77.0.1/24', 'dev', 'lan0');
    ana.ip('addr', 'add', '10.77.0.99/24', 'brd', '+', 'dev', 'lan0');
    await ana.run(['share', second, '--room', 'lab', '--no-wait']);
    await until(onBen, (lines) => lines.filter((line) => isOffer(line, String(room))).length >= 2);
    const got = await ben.run(['get', 'second']);
    const tookMs = performance.now() - changedAt;

    assert.deepEqual(weightsIn(String(got['path'])), weightsIn(second));
    assert.ok(tookMs < BACK_MS, `${tookMs} ms`);
  });

  async function adapter(name: string, seed: number): Promise<string> {
    const folder = path.join(network.folder, 'runs', name);
    await writePeftAdapter(folder, { seed });
    return folder;
  }
});

type Line = Command['lines'][number];

function isOffer({ type, room, added }: Line, id: string): boolean {
  return type === 'adapters:available' && room === id && (added as unknown[]).length > 0;
}

async function offered(engine: Command, room: string): Promise<void> {
  await engine.lineWhere((line) => isOffer(line, room));
}

async function connected(engine: Command): Promise<void> {
  await engine.line('peer:connected');
}

async function until(engine: Command, fits: (lines: readonly Line[]) => boolean): Promise<void> {
  await engine.lineWhere(() => fits(engine.lines));
}

async function keyOf(host: TestHost): Promise<string> {
  return String((await host.run(['identity']))['key']);
}

async function namesOn(host: TestHost): Promise<string[]> {
  const { adapters } = (await host.run(['list'])) as unknown as { adapters: { name: string }[] };
  return adapters.map(({ name }) => name.replace(/^.*\//, '')).sort();
}

function weightsIn(folder: string): Buffer {
  return fs.readFileSync(path.join(folder, 'adapter_model.safetensors'));
}
