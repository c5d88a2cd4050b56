import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { LoraSwarmError } from '../../../src/engine/errors';
import { Emitter } from '../../../src/engine/events';
import type { EngineState, TransferDetails } from '../../../src/engine/state';
import type { ToPanel } from '../../../src/shared/panelProtocol';
import type { TransferPlace, TransferShown } from '../../../src/shared/transferProtocol';
import { EMPTY_STATE } from '../../../src/ui/engineHandle';
import { TransferDesk } from '../../../src/ui/panel/transferDesk';
import { contentId, entry, transfer, transferDetails } from '../../webview/samples';

const id = contentId(0);
const place: TransferPlace = { page: 'transfer', id, direction: 'download' };
const unknown = new LoraSwarmError('ID_UNKNOWN', 'No such transfer.');
const inLibrary = { ...entry(0), path: '/x', models: [], addedAt: 1 };
const isShared = { ...entry(0), path: '/x', holders: 0, phase: 'serving' } as const;

/** A desk whose engine answers from a script, and whose clock stands until it is told to go on. */
function openDesk(answer: () => TransferDetails | Error, state: Partial<EngineState> = { transfers: [transfer(0)] }) {
  const posted: ToPanel[] = [];
  const names: string[] = [];
  const explained: unknown[] = [];
  const asked: unknown[] = [];
  const changed = new Emitter<EngineState>();
  const engine = {
    state: { ...EMPTY_STATE, ...state },
    onDidChangeState: changed.event,
    wish: (name: string, params: unknown) => {
      asked.push([name, params]);
      const said = answer();
      return said instanceof Error ? Promise.reject(said) : Promise.resolve(said);
    },
  };
  const desk = new TransferDesk({
    engine: engine,
    post: (message) => posted.push(message),
    explain: (error) => {
      explained.push(error);
      return 'explained';
    },
    name: (name) => names.push(name),
  });
  const visit = new AbortController();
  const setState = async (change: Partial<EngineState>): Promise<void> => {
    engine.state = { ...engine.state, ...change };
    changed.fire(engine.state);
    await setImmediate();
  };
  const pass = async (ms: number): Promise<void> => {
    mock.timers.tick(ms);
    await setImmediate();
  };
  const shown = (): TransferShown[] =>
    posted.flatMap((message) => (message.type === 'transfer' ? [message.shown] : []));
  /** Begins, and waits for the first answer. */
  const follow = async (at: TransferPlace = place): Promise<void> => {
    void desk.follow(at, visit.signal);
    await setImmediate();
  };
  return { desk, posted, names, explained, asked, visit, setState, pass, shown, follow };
}

describe('what stands behind the Transfer page', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('asks four times a second while bytes move, and never sooner, however often the state changes', async () => {
    const { asked, follow, pass, setState, visit } = openDesk(() => transferDetails(0));
    await follow();

    await pass(249);
    await setState({ transfers: [transfer(0, { phase: 'verifying' })] });
    assert.equal(asked.length, 1);
    await pass(1);
    assert.equal(asked.length, 2);
    for (let quarter = 0; quarter < 8; quarter++) await pass(250);
    assert.equal(asked.length, 10);
    assert.deepEqual(asked[0], ['transfer', { id, direction: 'download' }]);
    visit.abort();
  });

  it('asks once a second while it stands, and at once when the state says that it goes on', async () => {
    const waiting = transfer(0, { phase: 'waiting' });
    const { asked, follow, pass, setState, visit } = openDesk(() => transferDetails(0, { transfer: waiting }), {
      transfers: [waiting],
    });
    await follow();

    await pass(250);
    await pass(749);
    assert.equal(asked.length, 1);
    await pass(1);
    assert.equal(asked.length, 2);
    await pass(250);
    await setState({ transfers: [{ ...waiting, bytesDone: 1 }] });
    assert.equal(asked.length, 2);
    await setState({ transfers: [transfer(0)] });
    assert.equal(asked.length, 3);
    visit.abort();
  });

  it('asks nothing more once the page is left, and says nothing that comes too late', async () => {
    let answer: (details: TransferDetails) => void = () => undefined;
    const late = new Promise<TransferDetails>((resolve) => (answer = resolve));
    const { asked, posted, pass, visit, follow } = openDesk(() => late as unknown as TransferDetails);
    await follow();

    visit.abort();
    answer(transferDetails(0));
    await setImmediate();
    await pass(5_000);

    assert.equal(asked.length, 1);
    assert.deepEqual(posted, []);
  });

  it('shows a download that ended as a whole one, and waits for news of it', async () => {
    let said: TransferDetails | Error = transferDetails(0);
    const { asked, follow, pass, setState, shown, visit } = openDesk(() => said);
    await follow();

    said = unknown;
    await pass(250); // The state still lists it, so the answer is newer than the state.
    assert.equal(shown().length, 1);
    await pass(250);
    await setState({ transfers: [], library: [inLibrary] });

    const { end, details } = shown().at(-1)!;
    assert.equal(end, 'here');
    assert.equal(details?.transfer.bytesDone, details?.transfer.bytesTotal);
    assert.deepEqual(new Set(details?.held), new Set([255]));
    assert.deepEqual(new Set(details?.asked), new Set([0]));
    assert.ok(details!.peers.length > 0 && details!.peers.every(({ rate, phase }) => rate === 0 && phase === 'idle'));
    const before = asked.length;
    await pass(250);
    await pass(60_000);
    assert.equal(asked.length, before);
    said = transferDetails(0);
    await setState({ transfers: [transfer(0)] });
    assert.equal(asked.length, before + 1);
    visit.abort();
  });

  it('tells one that was cancelled, and one that nobody takes, from one that is here', async () => {
    const cancelled = openDesk(() => unknown, {});
    await cancelled.follow();
    const idle = openDesk(() => unknown, { shared: [{ ...isShared, rooms: [] }] });
    await idle.follow({ ...place, direction: 'upload' });

    assert.deepEqual(cancelled.shown(), [{ id, direction: 'download', end: 'gone' }]);
    assert.deepEqual(idle.shown(), [{ id, direction: 'upload', end: 'idle' }]);
    cancelled.visit.abort();
    idle.visit.abort();
  });

  it('says once why it cannot be read, keeps what is shown and tries again', async () => {
    let said: TransferDetails | Error = transferDetails(0);
    const { explained, follow, pass, shown, visit } = openDesk(() => said);
    await follow();

    said = new LoraSwarmError('ENGINE_UNREACHABLE', 'The engine does not answer.');
    await pass(250);
    for (let second = 0; second < 3; second++) {
      await pass(250);
      await pass(1_000);
    }
    assert.deepEqual(explained, [said]);
    assert.equal(shown().at(-1)?.problem, 'explained');
    assert.equal(shown().at(-1)?.details?.transfer.name, 'ana/sql-coder');

    said = transferDetails(0);
    await pass(250);
    await pass(1_000);
    assert.equal(shown().at(-1)?.problem, undefined);
    visit.abort();
  });

  it('makes the text of peers plain, and names the tab', async () => {
    const dirty = transfer(0, { name: 'a\u202eb' });
    const { names, follow, shown, visit } = openDesk(() => transferDetails(0, { transfer: dirty }));

    await follow();

    assert.equal(shown()[0]?.details?.transfer.name, 'ab');
    assert.deepEqual(names, ['ab']);
    visit.abort();
  });

  it('moves a download in the queue, and says on the page when that fails', async () => {
    const { desk, asked, posted } = openDesk(() => unknown);

    await desk.move({ type: 'moveDownload', id, to: 'first' });

    assert.deepEqual(asked, [['moveDownload', { id, to: 'first' }]]);
    assert.deepEqual(posted, [{ type: 'problem', message: 'explained' }]);
  });
});
