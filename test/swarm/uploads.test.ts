import assert from 'node:assert/strict';
import path from 'node:path';
import type { EngineState } from '../../src/engine/state';
import { TestEngines, untilState, type TestEngine } from '../helpers/testEngines';
import { writePeftAdapter } from '../helpers/writeAdapter';

const MB = 1_000_000;

describe('one engine that many fetch from', () => {
  let engines: TestEngines;
  beforeEach(() => {
    engines = new TestEngines();
  });
  afterEach(() => engines.dispose());

  it('gives each of three a quarter at least, although one fetches four adapters at once', async () => {
    const server = await engines.open('server');
    const [greedy, ben, cleo] = [await engines.open('greedy'), await engines.open('ben'), await engines.open('cleo')];
    const fetching = [greedy, ben, cleo];
    await engines.room(server.engine, ...fetching.map(({ engine }) => engine));
    const ids: string[] = [];
    for (let seed = 1; seed <= 6; seed++) {
      const folder = path.join(engines.folder, 'runs', `run-${seed}`);
      // 12.6 MB of weights.
      await writePeftAdapter(folder, { hidden: 1024, blocks: 32, rank: 32, seed });
      ids.push((await server.engine.wish('share', { path: folder, rooms: ['lab'] })).id);
    }
    await server.engine.wish('setSetting', { key: 'transfer.uploadLimit', value: 8 * MB });
    for (const { engine } of fetching)
      await untilState(engine, ({ peers }) => peers.some(({ adapters }) => adapters === 6));

    const stop = new AbortController();
    const options = { signal: stop.signal };
    const gets = [
      ...ids.slice(0, 4).map((id) => [greedy, id] as const),
      [ben, ids[4]!] as const,
      [cleo, ids[5]!] as const,
    ].map(([{ engine }, target]) => engine.wish('get', { target }, options).catch((error: unknown) => error));
    await Promise.all(fetching.map(({ engine }) => untilState(engine, (state) => fetched(state) > 0)));
    const before = fetching.map(fetchedBy);
    await untilState(server.engine, ({ transfers }) => sent(transfers) - sum(before) >= 16 * MB);
    const shares = fetching.map((one, i) => fetchedBy(one) - before[i]!);
    stop.abort();
    await Promise.all(gets);

    for (const [i, bytes] of shares.entries())
      assert.ok(bytes >= 0.25 * sum(shares), `${['greedy', 'ben', 'cleo'][i]} got ${bytes} of ${sum(shares)}`);
  }).timeout(60_000);
});

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

const sent = (transfers: EngineState['transfers']): number =>
  sum(transfers.filter(({ direction }) => direction === 'upload').map(({ bytesDone }) => bytesDone));

const fetched = ({ transfers }: EngineState): number =>
  sum(transfers.filter(({ direction }) => direction === 'download').map(({ bytesDone }) => bytesDone));

const fetchedBy = ({ engine }: TestEngine): number => fetched(engine.state);
