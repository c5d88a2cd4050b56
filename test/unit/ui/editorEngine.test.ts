import assert from 'node:assert/strict';
import { createApi } from '../../../src/api';
import { Emitter } from '../../../src/engine/events';
import type { EngineState } from '../../../src/engine/state';
import type { EngineEvent } from '../../../src/engine/wishes';
import { EditorEngine, type EnginePhase, type OpenedEngine } from '../../../src/ui/editorEngine';
import { EMPTY_STATE } from '../../../src/ui/engineHandle';
import { room, stateWith } from './states';

/** An engine that notes what it is asked. */
class NotingEngine {
  readonly asked: [string, unknown][] = [];
  readonly changed = new Emitter<EngineState>();
  readonly happened = new Emitter<EngineEvent>();
  readonly onDidChangeState = this.changed.event;
  readonly onDidHappen = this.happened.event;
  state = stateWith({ rooms: [room()] });
  isClosed = false;

  wish = (name: string, params: unknown): Promise<never> => {
    this.asked.push([name, params]);
    return Promise.resolve({ checks: [] } as never);
  };

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

describe('EditorEngine', () => {
  it('opens nothing by itself, and once on the first need', async () => {
    let opened = 0;
    const real = new NotingEngine();
    const engine = new EditorEngine(() => {
      opened++;
      return Promise.resolve<OpenedEngine>(real);
    });
    assert.equal(engine.state, EMPTY_STATE);
    assert.equal(opened, 0);

    await Promise.all([engine.wish('rooms', {}), engine.wish('doctor', {}), engine.start()]);

    assert.equal(opened, 1);
    assert.equal(engine.state, real.state);
  });

  it('says its phases and the first state', async () => {
    const phases: EnginePhase[] = [];
    const states: EngineState[] = [];
    const real = new NotingEngine();
    const engine = new EditorEngine(() => Promise.resolve<OpenedEngine>(real));
    engine.onDidChangePhase((phase) => phases.push(phase));
    engine.onDidChangeState((state) => states.push(state));

    await engine.start();
    await engine.close();

    assert.deepEqual(phases, ['opening', 'open', 'closed']);
    assert.deepEqual(states, [real.state]);
    assert.equal(real.isClosed, true);
  });

  it('may be started again after it failed', async () => {
    let attempts = 0;
    const engine = new EditorEngine(() => {
      attempts++;
      return attempts === 1 ? Promise.reject(new Error('busy')) : Promise.resolve<OpenedEngine>(new NotingEngine());
    });

    await assert.rejects(engine.wish('rooms', {}), /busy/);
    assert.equal(engine.phase, 'failed');
    await engine.start();

    assert.equal(engine.phase, 'open');
  });

  it('closes what was still opening, and opens nothing afterwards', async () => {
    const real = new NotingEngine();
    const engine = new EditorEngine(() => Promise.resolve<OpenedEngine>(real));
    const starting = engine.start();

    await engine.close();
    await starting;

    assert.equal(real.isClosed, true);
    await assert.rejects(engine.wish('rooms', {}), { code: 'ENGINE_CLOSED' });
  });

  it('does not wait for an engine that cannot close', async () => {
    const real = new NotingEngine();
    real.close = () => new Promise(() => undefined);
    const engine = new EditorEngine(() => Promise.resolve<OpenedEngine>(real), 10);
    await engine.start();

    await engine.close();

    assert.equal(engine.phase, 'closed');
  });
});

describe('api', () => {
  function opened(): { real: NotingEngine; api: ReturnType<typeof createApi> } {
    const real = new NotingEngine();
    return { real, api: createApi(new EditorEngine(() => Promise.resolve<OpenedEngine>(real))) };
  }

  it('initializes with the state of the engine', async () => {
    const { real, api } = opened();

    assert.equal(await api.initialize(), real.state);
    assert.equal(api.version, 1);
    assert.equal(api.state, real.state);
  });

  it('turns each verb into one wish', async () => {
    const { real, api } = opened();

    await api.joinLocalRoom();
    await api.createRoom('lab');
    await api.joinRoom('CODE');
    await api.leaveRoom('lab');
    await api.shareAdapter({ path: '/a', rooms: ['local'] });
    await api.unshareAdapter('me/a');
    await api.requestAdapter({ target: 'ana/b', install: true });
    await api.validateSystem();

    assert.deepEqual(real.asked, [
      ['joinRoom', { room: 'local' }],
      ['createRoom', { label: 'lab' }],
      ['joinRoom', { room: 'CODE' }],
      ['leaveRoom', { room: 'lab' }],
      ['share', { path: '/a', rooms: ['local'] }],
      ['unshare', { target: 'me/a' }],
      ['get', { target: 'ana/b', install: true }],
      ['doctor', {}],
    ]);
  });

  it('joins the public room only with consent', async () => {
    const { real, api } = opened();

    await assert.rejects(api.joinGeneralRoom(undefined as never), { code: 'CONFIRM_NEEDED' });
    assert.deepEqual(real.asked, []);
    await api.joinGeneralRoom({ isPublicConfirmed: true });

    assert.deepEqual(real.asked, [['joinRoom', { room: 'general' }]]);
  });

  it('gives a listener its own events until it leaves', async () => {
    const { real, api } = opened();
    await api.initialize();
    const heard: number[] = [];
    const listening = api.on('peers:updated', ({ count }) => heard.push(count));

    real.happened.fire({ type: 'peers:updated', count: 1 });
    real.happened.fire({ type: 'room:left', room: 'local' });
    listening.dispose();
    real.happened.fire({ type: 'peers:updated', count: 2 });

    assert.deepEqual(heard, [1]);
  });
});
