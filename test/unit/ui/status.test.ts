import assert from 'node:assert/strict';
import { statusOf } from '../../../src/ui/status';
import { idOf, peer, room, stateWith, transfer } from './states';

describe('statusOf', () => {
  const three = [peer(), peer({ key: idOf('b') }), peer({ key: idOf('c') })];

  it('counts peers', () => {
    const status = statusOf(stateWith({ rooms: [room({ peers: 3 })], peers: three }));

    assert.equal(status.text, '$(broadcast) 3');
    assert.equal(status.spoken, '3 peers');
    assert.equal(status.isWarning, false);
    assert.equal(status.isAlone, false);
  });

  it('adds rates in both directions while something moves', () => {
    const transfers = [transfer(), transfer({ id: idOf('2'), direction: 'upload', rate: 4e6 })];

    const status = statusOf(stateWith({ rooms: [room({ peers: 3 })], peers: three, transfers }));

    assert.equal(status.text, '$(sync~spin) 3 ↓18 ↑4 MB/s');
    assert.equal(status.spoken, '3 peers, 18 MB/s down · 4 MB/s up');
  });

  it('is calm when a download only waits or is paused', () => {
    const transfers = [transfer({ phase: 'paused' }), transfer({ id: idOf('2'), phase: 'waiting' })];

    assert.equal(statusOf(stateWith({ rooms: [room()], peers: three, transfers })).text, '$(broadcast) 3');
  });

  it('warns only when the user joined something and nothing works', () => {
    const offline = { mode: 'all', isOnline: false } as const;

    assert.equal(statusOf(stateWith({ network: offline })).isWarning, false);
    assert.equal(statusOf(stateWith({ network: offline, rooms: [room()] })).text, '$(circle-slash) offline');
    assert.equal(statusOf(stateWith({ rooms: [room({ phase: 'offline' })] })).isWarning, true);
    assert.equal(
      statusOf(stateWith({ rooms: [room({ phase: 'offline' }), room({ id: 'general', kind: 'general' })] })).isWarning,
      false,
    );
  });

  it('is alone only in a joined room', () => {
    assert.equal(statusOf(stateWith({})).isAlone, false);
    assert.equal(statusOf(stateWith({ rooms: [room()] })).isAlone, true);
  });

  it('explains rooms and Ollama in the tooltip', () => {
    const ollama = { url: 'http://127.0.0.1:11434', isReachable: true, version: '0.34.2', route: 'manifest' };

    const { tooltip } = statusOf(stateWith({ rooms: [room({ peers: 1 })], peers: [peer()], ollama }));

    assert.deepEqual(tooltip.split('\n'), [
      'LoRA Swarm',
      'Local network: 1 peer',
      'Ollama 0.34.2 · installs by manifest',
    ]);
  });

  it('says how many downloads stand still, and why', () => {
    const problem = { code: 'NETWORK_METERED', message: 'Paused: this network costs by the byte.' };
    const lines = (...transfers: ReturnType<typeof transfer>[]): string[] =>
      statusOf(stateWith({ transfers })).tooltip.split('\n').slice(2);
    const waiting = transfer({ phase: 'waiting', peers: 2 });
    const queued = transfer({ phase: 'queued', place: 1 });

    assert.deepEqual(lines(waiting, queued, queued), ['waiting for 2 sources', '2 downloads in the queue']);
    assert.deepEqual(lines(waiting, waiting, queued), ['2 downloads wait for a source', '1 download in the queue']);
    assert.deepEqual(lines(transfer({ phase: 'paused', problem })), ['paused: metered network']);
    assert.deepEqual(lines(transfer({ phase: 'paused' })), []);
  });
});
