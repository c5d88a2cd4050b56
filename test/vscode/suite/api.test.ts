import assert from 'node:assert/strict';
import fs from 'node:fs';
import * as vscode from 'vscode';
import { PEER_VARIABLE } from '../hostResults';
import type { TestPeer } from '../terminalPeer';
import type { SwarmUser } from '../testExtension/extension';

// One extension that depends on ours, one peer in a terminal that shares an adapter in a private room.
describe('another extension', () => {
  const peer = JSON.parse(process.env[PEER_VARIABLE] ?? '{}') as TestPeer;
  let user: SwarmUser;
  let room: string;

  before(async () => {
    user = await vscode.extensions.getExtension<SwarmUser>('test.swarm-user')!.activate();
  });

  it('gets the state when the engine is open', async () => {
    const state = await user.swarm.initialize();

    assert.equal(user.swarm.version, 1);
    assert.match(state.identity.key, /^[0-9a-f]{64}$/);
    assert.deepEqual(state.rooms, []);
    assert.deepEqual(user.swarm.state, state);
  });

  it('is refused a public room without consent, and a room by a wrong code', async () => {
    await assert.rejects(user.swarm.joinGeneralRoom({} as { isPublicConfirmed: true }), { code: 'CONFIRM_NEEDED' });
    await assert.rejects(user.swarm.joinRoom('ABCD-EFGH'), { code: 'ROOM_CODE_INVALID' });

    assert.deepEqual(user.swarm.state.rooms, []);
  });

  it('joins a private room and hears who is there and what they offer', async () => {
    const joined = await user.swarm.joinRoom(peer.code, 'from ana');
    room = joined.id;

    const event = await user.when('room:joined');
    assert.deepEqual([event.room, event.kind, event.label], [room, 'private', 'from ana']);
    assert.deepEqual((await user.when('peer:connected')).rooms, [room]);
    await user.when('peers:updated', ({ count }) => count === 1);
    assert.deepEqual((await user.when('adapters:available')).added, [peer.id]);
  });

  it('requests an adapter and gets the files of the author', async () => {
    const result = await user.swarm.requestAdapter({ target: peer.name });

    const weights = fs.readFileSync(peer.weights);
    const received = fs.readdirSync(result.path).map((name) => fs.readFileSync(`${result.path}/${name}`));
    assert.equal(result.id, peer.id);
    assert.equal(result.sources, 1);
    assert.ok(received.some((bytes) => bytes.equals(weights)));
    const done = await user.when('transfer:complete');
    assert.deepEqual([done.id, done.path, done.bytes], [peer.id, result.path, result.bytes]);
  });

  it('is told by a code what it asked wrongly', async () => {
    await assert.rejects(user.swarm.unshareAdapter('f'.repeat(64)), { code: 'ID_UNKNOWN' });
    await assert.rejects(user.swarm.leaveRoom('no such room'), { code: 'ROOM_UNKNOWN' });
    await assert.rejects(user.swarm.shareAdapter({ path: '/nowhere/adapter.safetensors', rooms: [] }), {
      code: 'ADAPTER_NOT_FOUND',
    });
  });

  it('gives up when its signal says so', async () => {
    const signal = AbortSignal.timeout(200);

    await assert.rejects(user.swarm.requestAdapter({ target: 'ana/nowhere' }, { signal }), { name: 'AbortError' });
  });

  it('makes a room, shares in it and stops', async () => {
    const invite = await user.swarm.createRoom('team');
    const folder = vscode.workspace.workspaceFolders![0]!.uri.fsPath;

    const shared = await user.swarm.shareAdapter({ path: `${folder}/run`, rooms: [invite.room], name: 'bo/mine' });

    assert.equal(shared.name, 'bo/mine');
    assert.deepEqual(shared.rooms, [invite.room]);
    assert.match(invite.link, /:\/\/lora-swarm\.lora-swarm\/join\?code=/);
    await user.swarm.unshareAdapter(shared.id);
    await assert.rejects(user.swarm.unshareAdapter(shared.id), { code: 'ID_UNKNOWN' });
  });

  it('gets the report of the doctor', async () => {
    const checks = await user.swarm.validateSystem();

    assert.ok(checks.length > 0);
    for (const { id, detail } of checks) assert.ok(id !== '' && detail !== '');
  });

  it('leaves the room, and hears no more of its peers', async () => {
    await user.swarm.leaveRoom(room);

    assert.equal((await user.when('room:left')).room, room);
    await user.when('peers:updated', ({ count }) => count === 0);
  });
});
