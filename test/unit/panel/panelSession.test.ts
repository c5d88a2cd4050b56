import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { LoraSwarmError } from '../../../src/engine/errors';
import { Emitter } from '../../../src/engine/events';
import { silentLog } from '../../../src/engine/log';
import type { EngineState } from '../../../src/engine/state';
import type { WishName, WishOptions, Wishes } from '../../../src/engine/wishes';
import type { PanelPage, ToPanel } from '../../../src/shared/panelProtocol';
import { EMPTY_STATE } from '../../../src/ui/engineHandle';
import type { PanelCommand } from '../../../src/ui/panel/panelCommands';
import { MergePlaces } from '../../../src/ui/panel/mergePlaces';
import { PanelSession } from '../../../src/ui/panel/panelSession';
import { contentId, details, entry, models, transfer } from '../../webview/samples';

interface Asked {
  readonly name: WishName;
  readonly params: unknown;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: WishOptions['onProgress'];
  readonly answer: (result: unknown) => void;
  readonly fail: (error: unknown) => void;
}

/** A session whose page and engine are in the hands of the test. */
function openSession(page: PanelPage = { page: 'explore' }) {
  const posted: ToPanel[] = [];
  const asked: Asked[] = [];
  const commands: PanelCommand[] = [];
  const copied: string[] = [];
  const titles: string[] = [];
  const dialogs: { adapter?: string; folder?: string } = {};
  const changed = new Emitter<EngineState>();
  const engine = {
    state: EMPTY_STATE,
    onDidChangeState: changed.event,
    wish: <N extends WishName>(name: N, params: Wishes[N]['params'], options?: WishOptions) =>
      new Promise<Wishes[N]['result']>((resolve, reject) => {
        asked.push({
          onProgress: options?.onProgress,
          name,
          params,
          signal: options?.signal,
          answer: resolve as (result: unknown) => void,
          fail: reject,
        });
      }),
  };
  const session = new PanelSession(
    {
      engine,
      log: silentLog,
      language: 'en',
      post: (message) => posted.push(message),
      run: (command) => commands.push(command),
      copy: (text) => copied.push(text),
      setTitle: (title) => titles.push(title),
      places: new MergePlaces(),
      findAdapters: () => Promise.resolve([]),
      pickAdapter: () => Promise.resolve(dialogs.adapter),
      pickFolder: () => Promise.resolve(dialogs.folder),
    },
    page,
  );
  const setState = (change: Partial<EngineState>): void => {
    engine.state = { ...engine.state, ...change };
    changed.fire(engine.state);
  };
  const types = (): string[] => posted.map(({ type }) => type);
  return { session, posted, asked, commands, copied, titles, dialogs, setState, types };
}

describe('a panel session', () => {
  it('says nothing before the page is ready, and then all it needs', async () => {
    const { session, posted, asked, setState, types } = openSession();

    setState({ catalogRevision: 1 });
    assert.equal(posted.length, 0);
    session.receive({ type: 'ready' });
    asked[0]!.answer(models);
    await setImmediate();

    assert.deepEqual(types(), ['texts', 'engine', 'page', 'models']);
    assert.deepEqual(posted.at(-1), {
      type: 'models',
      models: [
        { name: 'llama3.2:latest' },
        { name: 'p2p-ana-sql-coder:latest', base: 'llama3.2:latest' },
        { name: 'gemma2:2b' },
      ],
    });
  });

  it('stops when the page is hidden, and starts from the beginning when it is back', () => {
    const { session, setState, types } = openSession();
    session.receive({ type: 'ready' });
    const before = types().length;

    session.pause();
    setState({ catalogRevision: 2 });
    assert.equal(types().length, before);
    session.receive({ type: 'ready' });

    assert.deepEqual(types().slice(before), ['texts', 'engine', 'page']);
  });

  it('says that there are no local models while Ollama is away', async () => {
    const { session, asked, posted, types } = openSession();
    session.receive({ type: 'ready' });

    asked[0]!.fail(new LoraSwarmError('OLLAMA_UNREACHABLE', 'Ollama does not answer.'));
    await setImmediate();

    assert.deepEqual(types(), ['texts', 'engine', 'page', 'models']);
    assert.deepEqual(posted.at(-1), { type: 'models', models: [] });
  });

  it('sends no peers, library or shared adapters, of which there may be thousands', () => {
    const { session, posted, setState } = openSession();
    session.receive({ type: 'ready' });

    setState({ peers: [{ key: 'k', name: 'ana', rooms: [], path: 'lan', adapters: 1 }] });
    const message = posted.at(-1);

    assert.ok(message?.type === 'engine');
    assert.deepEqual(Object.keys(message.engine).sort(), [
      'catalogRevision',
      'network',
      'peerCount',
      'rooms',
      'transfers',
    ]);
    assert.equal(message.engine.peerCount, 1);
  });

  it('gives up a list when the user has typed on', async () => {
    const { session, posted, asked } = openSession();
    session.receive({ type: 'list', query: { search: 'a' }, offset: 0, limit: 100 });
    session.receive({ type: 'list', query: { search: 'a' }, offset: 100, limit: 100 });
    session.receive({ type: 'list', query: { search: 'ab', fits: '*' }, offset: 0, limit: 100 });

    assert.deepEqual(
      asked.map(({ signal }) => signal?.aborted),
      [true, true, false],
    );
    asked[0]!.answer({ adapters: [entry(0)], total: 1 });
    asked[2]!.answer({ adapters: [entry(1)], total: 1 });
    await setImmediate();

    assert.deepEqual(asked[2]!.params, { search: 'ab', fitsAny: true, offset: 0, limit: 100 });
    assert.equal(posted.length, 1);
    assert.deepEqual(posted[0], {
      type: 'list',
      query: { search: 'ab', fits: '*' },
      offset: 0,
      total: 1,
      adapters: [entry(1)],
    });
  });

  it('says on the page why a list failed, and nothing about bugs but that there is a log', async () => {
    const { session, posted, asked } = openSession();
    session.receive({ type: 'list', query: {}, offset: 0, limit: 100 });
    session.receive({ type: 'list', query: {}, offset: 100, limit: 100 });

    asked[0]!.fail(new LoraSwarmError('STORE_FAILED', 'Reading failed. Try again.'));
    asked[1]!.fail(new TypeError('x is not a function'));
    await setImmediate();

    assert.deepEqual(posted, [
      { type: 'problem', message: 'Reading failed. Try again.' },
      { type: 'problem', message: 'Something went wrong in LoRA Swarm. The log has the details.' },
    ]);
  });

  it('says how many sources of an adapter are connected, and follows them without reading it again', async () => {
    const { session, posted, asked, setState } = openSession({ page: 'adapter', id: contentId(0) });
    const sources = ['a'.repeat(64), 'b'.repeat(64)];
    const peers = (...keys: string[]) =>
      keys.map((key) => ({ key, name: '', rooms: ['general'], path: 'direct' as const, adapters: 1 }));
    setState({ peers: peers(sources[0]!, 'c'.repeat(64)) });
    session.receive({ type: 'ready' });
    asked.at(-1)!.answer(details(0, { sources }));
    await setImmediate();
    setState({ peers: peers('c'.repeat(64)) });
    setState({ peers: peers('d'.repeat(64)) });

    const said = posted.flatMap((message) => (message.type === 'adapter' ? [message.connected] : []));
    assert.deepEqual(said, [1, 0]);
    assert.equal(asked.filter(({ name }) => name === 'adapter').length, 1);
  });

  it('tells the page of a room once, and then leaves its filters to the user', () => {
    const { session, posted } = openSession({ page: 'explore', room: 'general' });
    session.receive({ type: 'ready' });
    session.pause();
    session.receive({ type: 'ready' });

    const pages = posted.flatMap((message) => (message.type === 'page' ? [message.page] : []));
    assert.deepEqual(pages, [{ page: 'explore', room: 'general' }, { page: 'explore' }]);
  });

  it('reads an adapter again when it may have changed, not at every step of a download', () => {
    const { session, asked, setState } = openSession({ page: 'adapter', id: contentId(0) });
    session.receive({ type: 'ready' });
    const reads = (): number => asked.filter(({ name }) => name === 'adapter').length;

    setState({ transfers: [transfer(0, { bytesDone: 1 })] });
    assert.equal(reads(), 2);
    setState({ transfers: [transfer(0, { bytesDone: 2 })] });
    setState({ transfers: [transfer(0, { bytesDone: 3 }), transfer(1)] });
    assert.equal(reads(), 2);
    setState({ transfers: [transfer(0, { phase: 'done' })] });

    assert.equal(reads(), 3);
  });

  it('names the tab after the adapter only when the name is a plain one', async () => {
    for (const [name, title] of [
      ['ana/sql-coder', 'ana/sql-coder'],
      ['$(verified) раураl', contentId(0).slice(0, 8)],
    ] as const) {
      const { session, asked, titles } = openSession();
      session.receive({ type: 'open', page: { page: 'adapter', id: contentId(0) } });
      session.receive({ type: 'ready' });
      asked.at(-1)!.answer(details(0, { name }));
      await setImmediate();

      assert.equal(titles.at(-1), title);
    }
  });

  it('drops what comes for a page that the user has left', async () => {
    const { session, posted, asked, types } = openSession({ page: 'adapter', id: contentId(0) });
    session.receive({ type: 'ready' });

    session.receive({ type: 'open', page: { page: 'explore' } });
    asked[0]!.answer(details(0));
    await setImmediate();

    assert.ok(asked[0]!.signal?.aborted);
    assert.ok(!types().includes('adapter'));
    assert.deepEqual(
      posted.findLast(({ type }) => type === 'page'),
      { type: 'page', page: { page: 'explore' } },
    );
  });

  it('turns intents into commands with an id, and nothing into anything else', () => {
    const { session, commands, copied, asked } = openSession();
    const id = contentId(5);

    session.receive({ type: 'install', id });
    session.receive({ type: 'copyId', id });
    session.receive({ type: 'run', action: 'joinGeneralRoom' });
    session.receive({ type: 'run', action: 'workbench.action.quit' });
    session.receive({ type: 'loraSwarm.share', id });
    session.receive('workbench.action.quit');

    assert.deepEqual(commands, [{ command: 'loraSwarm.install', argument: id }, { command: 'loraSwarm.joinGeneral' }]);
    assert.deepEqual(copied, [id]);
    assert.deepEqual(asked, []);
  });

  it('ends its wishes when it ends', () => {
    const { session, asked, setState, types } = openSession({ page: 'doctor' });
    session.receive({ type: 'ready' });
    session.receive({ type: 'list', query: {}, offset: 0, limit: 1 });

    session.dispose();
    const before = types().length;
    setState({ catalogRevision: 9 });

    assert.deepEqual(
      asked.map(({ signal }) => signal?.aborted),
      [true, true],
    );
    assert.equal(types().length, before);
  });
});

describe('a comparison behind the panel', () => {
  const intent = { type: 'compare', base: 'llama3.2:latest', model: 'p2p-sql', prompt: 'Why?', tokens: 64 };
  const open = () => {
    const opened = openSession({ page: 'compare' });
    opened.session.receive({ type: 'ready' });
    opened.session.receive(intent);
    const asked = opened.asked.find(({ name }) => name === 'compare')!;
    const last = () => opened.posted.findLast((message) => message.type === 'compare')?.run;
    return { ...opened, asked, last };
  };
  const side = (text: string) => ({ text, tokens: 3, seconds: 1 });

  it('asks for what the page asked for, and posts each side as it speaks', () => {
    const { asked, last } = open();

    asked.onProgress?.({ kind: 'compare', side: 'model', text: 'Because\u202e' });

    const { type, ...params } = intent;
    assert.equal(type, 'compare');
    assert.deepEqual(asked.params, params);
    assert.deepEqual(
      [last()?.phase, last()?.answers.model.text, last()?.answers.base.text],
      ['running', 'Because', ''],
    );
  });

  it('goes on while the panel is out of sight, and shows its end when it is back', async () => {
    const { session, asked, last, posted } = open();
    session.pause();
    const before = posted.length;

    asked.answer({ base: side('one'), model: side('two') });
    await setImmediate();
    assert.equal(posted.length, before);
    assert.equal(asked.signal?.aborted, false);
    session.receive({ type: 'ready' });

    assert.deepEqual(last()?.phase, 'done');
    assert.deepEqual(last()?.answers.model, { text: 'two', done: { tokens: 3, seconds: 1 } });
  });

  it('ends when the user stops it, goes to another page, starts another or closes the panel', () => {
    const ends: readonly ((opened: ReturnType<typeof open>) => void)[] = [
      ({ session }) => session.receive({ type: 'stopCompare' }),
      ({ session }) => session.receive({ type: 'open', page: { page: 'doctor' } }),
      ({ session }) => session.receive({ ...intent, prompt: 'What?' }),
      ({ session }) => session.dispose(),
    ];
    for (const end of ends) {
      const opened = open();

      end(opened);

      assert.ok(opened.asked.signal?.aborted);
    }
  });

  it('says what failed in one sentence', async () => {
    const { asked, last, posted } = open();

    asked.fail(new LoraSwarmError('OLLAMA_UNREACHABLE', 'Ollama does not answer.'));
    await setImmediate();

    assert.equal(last()?.phase, 'failed');
    assert.deepEqual(posted.at(-1), { type: 'problem', message: 'Ollama does not answer.' });
  });
});

describe('a merge behind the panel', () => {
  const intent = (...keys: string[]) => ({
    type: 'merge',
    parts: keys.map((key) => ({ key, weight: 1 })),
    method: 'concat',
    rank: 8,
    density: 0.5,
    seed: 1,
  });
  const open = (folder?: string) => {
    const opened = openSession({ page: 'merge' });
    if (folder !== undefined) opened.dialogs.folder = folder;
    opened.session.receive({ type: 'ready' });
    const asked = () => opened.asked.find(({ name }) => name === 'mergeAdapters');
    return { ...opened, asked };
  };

  it('hands on only what the method takes, and the folder of the dialog', async () => {
    const { session, asked } = open('/out');

    session.receive(intent(contentId(1), contentId(2)));
    await setImmediate();

    assert.deepEqual(asked()?.params, {
      parts: [contentId(1), contentId(2)].map((target) => ({ target, weight: 1 })),
      out: '/out',
      method: 'concat',
    });
  });

  it('does nothing without a folder, or with a key that nobody gave out', async () => {
    const left = open();
    left.session.receive(intent(contentId(1), contentId(2)));
    const forged = open('/out');
    forged.session.receive(intent(contentId(1), `x${'0'.repeat(16)}`));
    await setImmediate();

    assert.equal(left.asked(), undefined);
    assert.equal(forged.asked(), undefined);
    assert.ok(forged.posted.some((message) => message.type === 'problem'));
  });

  it('runs no command for a result that there is not', () => {
    const { session, commands } = open();

    for (const action of ['share', 'install', 'reveal']) session.receive({ type: 'mergeResult', action });

    assert.deepEqual(commands, []);
  });
});
