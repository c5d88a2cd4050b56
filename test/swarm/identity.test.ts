import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { makeRotation } from '../../src/engine/identity/statements';
import { identityKeys } from '../../src/engine/release/release';
import { TestEngines, untilState, type TestEngine } from '../helpers/testEngines';
import { writePeftAdapter } from '../helpers/writeAdapter';

const WORDS = 'four words of a passphrase';

describe('identity', function () {
  this.timeout(30_000);
  let engines: TestEngines;

  beforeEach(() => {
    engines = new TestEngines();
  });
  afterEach(() => engines.dispose());

  async function adapter(name: string, seed = 1): Promise<string> {
    const folder = path.join(engines.folder, 'runs', name);
    await writePeftAdapter(folder, { seed });
    return folder;
  }

  /** What the service does when the engine asks for it. */
  async function restart({ engine, home }: TestEngine, name: string): Promise<TestEngine> {
    await engines.close(engine);
    return engines.open(name, { home });
  }

  const seedOf = (home: string): Buffer =>
    Buffer.from(fs.readFileSync(path.join(home, 'identity.key'), 'latin1').slice(0, 64), 'hex');
  const file = (name: string): string => path.join(engines.folder, name);
  const offers = ({ engine }: TestEngine, count: number): Promise<void> =>
    untilState(engine, ({ peers }) => peers.some(({ adapters }) => adapters >= count));
  /** Where nobody is a member, so that a key which counts no more can still speak. */
  const meetInPublic = (...all: TestEngine[]): Promise<unknown> =>
    Promise.all(all.map(({ engine }) => engine.wish('joinRoom', { room: 'general' })));
  const inPublic = { rooms: ['general'], isPublicConfirmed: true };
  const entryOf = async ({ engine }: TestEngine, id: string) =>
    (await engine.wish('list', {})).adapters.find((entry) => entry.id === id)!;

  describe('another key', () => {
    it('counts as the same author for whoever hears of it, from then on, and from others', async () => {
      const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
      await engines.room(ana.engine, ben.engine);
      const shared = await ana.engine.wish('share', { path: await adapter('sql'), rooms: ['lab'] });
      await offers(ben, 1);
      await ben.engine.wish('get', { target: shared.id });
      const oldKey = ana.engine.state.identity.key;

      const moved = await ana.engine.wish('rotateIdentity', {});
      const anaNow = await restart(ana, 'ana');
      await untilState(ben.engine, ({ library }) => library[0]?.authorKey === moved.key);

      assert.deepEqual([moved.oldKey, moved.isLinked, anaNow.engine.state.identity.key], [oldKey, true, moved.key]);
      assert.notEqual(moved.key, oldKey);
      assert.equal(ben.engine.state.library[0]!.name, 'ana/sql');
      assert.equal((await entryOf(ben, shared.id)).isRevoked, undefined);
      assert.deepEqual(
        fs.readdirSync(ana.home).filter((name) => name.startsWith('identity.next')),
        [],
      );

      // Who comes later hears it of ben, while ana is away; and ben still knows it after a restart.
      await engines.close(anaNow.engine);
      const benNow = await restart(ben, 'ben');
      assert.equal(benNow.engine.state.library[0]!.authorKey, moved.key);
      const cleo = await engines.open('cleo');
      const { code } = await benNow.engine.wish('roomInvite', { room: 'lab' });
      await cleo.engine.wish('joinRoom', { room: code });
      await untilState(cleo.engine, ({ catalogRevision }) => catalogRevision > 0);
      const { store } = await storeOf(cleo);
      const [heard] = store.statements.list();
      await store.close();
      assert.ok(heard?.statement.kind === 'rotation');
      assert.deepEqual([heard.statement.key, heard.statement.next, heard.isMine], [oldKey, moved.key, false]);
    });

    it('leaves what the old key signs after the move to whoever signs it, and marks it', async () => {
      const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
      await meetInPublic(ana, ben);
      const stolen = seedOf(ana.home);
      await ana.engine.wish('share', { path: await adapter('sql'), ...inPublic });
      await offers(ben, 1);
      await ana.engine.wish('rotateIdentity', {});
      const moved = await restart(ana, 'ana');
      await untilState(ben.engine, ({ catalogRevision }) => catalogRevision > 1);

      const thiefHome = file('thief');
      fs.mkdirSync(thiefHome, { mode: 0o700 });
      fs.writeFileSync(path.join(thiefHome, 'identity.key'), stolen.toString('hex'));
      const thief = await engines.open('ana', { home: thiefHome });
      await meetInPublic(thief);
      const bad = await thief.engine.wish('share', { path: await adapter('evil', 2), ...inPublic });
      await untilState(ben.engine, () =>
        ben.events.some((event) => event.type === 'adapters:available' && event.added.includes(bad.id)),
      );
      const entry = await entryOf(ben, bad.id);
      const details = await ben.engine.wish('adapter', { id: bad.id });

      assert.equal(entry.isRevoked, true);
      assert.notEqual(entry.authorKey, moved.engine.state.identity.key);
      assert.match(entry.name, /^ana~[0-9a-f]{8}\/evil$/);
      assert.deepEqual(
        details.problems.map(({ code }) => code),
        ['author-moved-on'],
      );
    });

    it('has the rooms that the old one made, and can remove members', async () => {
      const [ana, ben, cleo] = [await engines.open('ana'), await engines.open('ben'), await engines.open('cleo')];
      await engines.room(ana.engine, ben.engine, cleo.engine);
      await untilState(ana.engine, ({ peers }) => peers.length === 2);

      const moved = await ana.engine.wish('rotateIdentity', {});
      const anaNow = await restart(ana, 'ana');
      await untilState(anaNow.engine, ({ peers }) => peers.length === 2);
      const { members } = await ben.engine.wish('roomMembers', { room: 'lab' });
      await anaNow.engine.wish('removeMember', { room: 'lab', peer: cleo.engine.state.identity.key });
      await untilState(cleo.engine, ({ peers }) => peers.length === 0);
      await untilState(anaNow.engine, ({ peers }) => peers.length === 1);

      const me = members.find(({ key }) => key === moved.key);
      const [room] = anaNow.engine.state.rooms;
      assert.deepEqual([room!.isOwner, room!.isAdmin, me?.role], [true, true, 'creator']);
      assert.equal(anaNow.engine.state.peers[0]!.key, ben.engine.state.identity.key);
    });

    it('has the same place in its rooms for all, one who was away too: creator, admin and member', async () => {
      const names = ['ana', 'ben', 'cleo', 'dave', 'eve'];
      const [ana, ben, cleo, dave, eve] = (await Promise.all(names.map((name) => engines.open(name)))) as [
        TestEngine,
        TestEngine,
        TestEngine,
        TestEngine,
        TestEngine,
      ];
      await engines.room(ana.engine, ben.engine, cleo.engine, dave.engine, eve.engine);
      await untilState(ana.engine, ({ peers }) => peers.length === 4);
      await ana.engine.wish('setRoomAdmin', { room: 'lab', peer: ben.engine.state.identity.key, isAdmin: true });
      await untilState(ben.engine, ({ rooms }) => rooms[0]!.isAdmin);
      await untilState(dave.engine, ({ peers }) => peers.length === 4);
      const { code } = await ana.engine.wish('roomInvite', { room: 'lab' });
      await engines.close(dave.engine);

      const now: Record<string, TestEngine> = {};
      for (const [name, each] of [
        ['ana', ana],
        ['cleo', cleo],
        ['ben', ben],
      ] as const) {
        await each.engine.wish('rotateIdentity', {});
        now[name] = await restart(each, name);
        await untilState(now[name].engine, ({ peers }) => peers.length === 3);
      }
      const anaKey = now['ana']!.engine.state.identity.key;
      await engines.close(now['ana']!.engine);
      const back = await engines.open('dave', { home: dave.home });
      await untilState(back.engine, ({ peers }) => peers.length === 3);
      await now['ben']!.engine.wish('removeMember', { room: 'lab', peer: eve.engine.state.identity.key });
      await untilState(back.engine, ({ peers }) => peers.length === 2);
      await untilState(eve.engine, ({ rooms }) => rooms[0]!.ended === 'removed');

      const rolesAt = async ({ engine }: TestEngine) =>
        Object.fromEntries(
          (await engine.wish('roomMembers', { room: 'lab' })).members.map(({ key, role }) => [key, role]),
        );
      const expected = {
        [anaKey]: 'creator',
        [now['ben']!.engine.state.identity.key]: 'admin',
        [now['cleo']!.engine.state.identity.key]: 'member',
        [back.engine.state.identity.key]: 'member',
      };
      const staying = [now['ben']!, now['cleo']!, back];
      for (const each of staying) assert.deepEqual(await rolesAt(each), expected);
      const codes = staying.map(async ({ engine }) => (await engine.wish('roomInvite', { room: 'lab' })).code);
      assert.equal(new Set(await Promise.all(codes)).size, 1);
      assert.notEqual(await codes[0], code);
      const shared = await now['cleo']!.engine.wish('share', { path: await adapter('sql'), rooms: ['lab'] });
      await offers(back, 1);
      assert.equal((await back.engine.wish('get', { target: shared.id })).id, shared.id);
    }).timeout(60_000);

    it('takes its place at the next start, when nothing else could be written before the end', async () => {
      const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
      await engines.room(ana.engine, ben.engine);
      await untilState(ana.engine, ({ peers }) => peers.length === 1);
      const old = identityKeys(seedOf(ana.home));
      const next = identityKeys(Buffer.alloc(32, 7));

      // As after a crash between the two: the move is written down, and no room has heard of it.
      const { store } = await storeOf(ana);
      store.statements.put(makeRotation(old, next, 1), { isMine: true });
      await store.close();
      fs.writeFileSync(path.join(ana.home, 'identity.key'), Buffer.alloc(32, 7).toString('hex'));
      const now = await engines.open('ana', { home: ana.home });
      await untilState(now.engine, ({ peers }) => peers.length === 1);
      const { members } = await ben.engine.wish('roomMembers', { room: 'lab' });

      assert.equal(now.engine.state.rooms[0]!.isOwner, true);
      assert.deepEqual(
        members.map(({ key, role }) => [key, role]),
        [
          [next.publicKey.toString('hex'), 'creator'],
          [ben.engine.state.identity.key, 'member'],
        ],
      );
    });

    it('is not followed when two claim to be it, and both are shown', async () => {
      const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
      await meetInPublic(ana, ben);
      const old = identityKeys(seedOf(ana.home));
      const shared = await ana.engine.wish('share', { path: await adapter('sql'), ...inPublic });
      await offers(ben, 1);
      const rivals = [1, 2].map((n) => identityKeys(Buffer.alloc(32, n)));

      const { store } = await storeOf(ana);
      for (const rival of rivals) store.statements.put(makeRotation(old, rival, 2 ** 52), { isMine: true });
      await store.close();
      await engines.open('ana', { home: ana.home });
      await untilState(ben.engine, ({ catalogRevision }) => catalogRevision >= 4);
      const details = await ben.engine.wish('adapter', { id: shared.id });

      assert.equal(details.authorKey, old.publicKey.toString('hex'));
      const problem = details.problems.find(({ code }) => code === 'author-disputed')!;
      for (const { publicKey } of rivals) assert.ok(problem.message.includes(publicKey.toString('hex').slice(0, 6)));
    });

    it('without a link takes the place of one that is revoked', async () => {
      const ana = await engines.open('ana');
      const path = file('own.txt');
      const { key } = await ana.engine.wish('exportRevocation', { path });
      await assert.rejects(ana.engine.wish('revokeKey', { path }), { code: 'CONFIRM_NEEDED' });
      assert.equal(ana.engine.state.identity.isRevoked, undefined);
      await ana.engine.wish('revokeKey', { path, isOwnConfirmed: true });
      assert.equal(ana.engine.state.identity.isRevoked, true);

      const moved = await ana.engine.wish('rotateIdentity', {});
      const next = await restart(ana, 'ana');

      assert.deepEqual([moved.oldKey, moved.isLinked], [key, false]);
      assert.equal(next.engine.state.identity.isRevoked, undefined);
    });
  });

  describe('a revoked key', () => {
    it('is shown with a warning wherever it signed something, and what is here stays', async () => {
      const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
      await meetInPublic(ana, ben);
      const shared = await ana.engine.wish('share', { path: await adapter('sql'), ...inPublic });
      await offers(ben, 1);
      const got = await ben.engine.wish('get', { target: shared.id });
      const kept = path.join(ana.home, `revocation-${ana.engine.state.identity.key.slice(0, 16)}.txt`);

      // On another machine of ana, with the certificate that the first start made.
      const laptop = await engines.open('ana-laptop');
      await meetInPublic(laptop);
      await laptop.engine.wish('revokeKey', { path: kept });
      await untilState(ben.engine, ({ library }) => library[0]?.isRevoked === true);
      const details = await ben.engine.wish('adapter', { id: shared.id });

      assert.equal((await entryOf(ben, shared.id)).isRevoked, true);
      assert.equal(details.problems[0]!.code, 'author-revoked');
      assert.ok(fs.existsSync(path.join(got.path, 'adapter_model.safetensors')));
      await untilState(ana.engine, ({ identity }) => identity.isRevoked === true);
      if (process.platform !== 'win32') assert.equal(fs.statSync(kept).mode & 0o777, 0o600);
    });
  });

  describe('a backup', () => {
    it('lets a new machine go on: the same key, the same rooms, the next number', async () => {
      const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
      const room = await engines.room(ana.engine, ben.engine);
      await ana.engine.wish('setRoomLimits', { room: 'lab', download: 5_000_000 });
      const shared = await ana.engine.wish('share', { path: await adapter('sql'), rooms: ['lab'] });
      await offers(ben, 1);
      const before = { ...ana.engine.state.identity };
      const secrets = [seedOf(ana.home).toString('hex'), (await ana.engine.wish('roomInvite', { room: 'lab' })).code];

      await ana.engine.wish('roomInviteOnce', { room: 'lab' });

      const made = await ana.engine.wish('backUpIdentity', { path: file('ana.backup'), passphrase: WORDS });
      await assert.rejects(ana.engine.wish('backUpIdentity', { path: file('ana.backup'), passphrase: WORDS }), {
        code: 'USAGE',
      });
      await engines.close(ana.engine);
      const fresh = await engines.open('laptop');
      const restored = await fresh.engine.wish('restoreIdentity', { path: file('ana.backup'), passphrase: WORDS });
      const laptop = await restart(fresh, 'ana');
      await untilState(laptop.engine, ({ peers }) => peers.length === 1);

      assert.deepEqual([made.rooms, made.shared], [1, 1]);
      assert.deepEqual([restored.key, restored.name, restored.isSame], [before.key, 'ana', false]);
      assert.deepEqual(restored.shared, [{ id: shared.id, name: 'ana/sql', rooms: [room] }]);
      assert.deepEqual(laptop.engine.state.identity, before);
      const [state] = laptop.engine.state.rooms;
      assert.deepEqual([state!.id, state!.label, state!.isOwner, state!.downloadLimit], [room, 'lab', true, 5_000_000]);
      assert.equal((await laptop.engine.wish('roomInvite', { room: 'lab' })).code, secrets[1]);
      if (process.platform !== 'win32') assert.equal(fs.statSync(file('ana.backup')).mode & 0o777, 0o600);
      const bytes = fs.readFileSync(file('ana.backup'), 'latin1');
      for (const secret of secrets) assert.ok(!bytes.includes(secret));

      // Shared again it is the newer release, though the number went on from the backup.
      const again = await laptop.engine.wish('share', { path: await adapter('sql'), rooms: ['lab'] });
      await untilState(ben.engine, ({ peers }) => peers.some(({ adapters }) => adapters === 1));
      assert.equal(again.id, shared.id);
      assert.equal((await entryOf(ben, shared.id)).name, 'ana/sql');

      // A one-time code stays with the machine that made it: used there, it must not admit another device here.
      const { store } = await storeOf(laptop);
      const { data } = store.rooms.list()[0]!;
      await store.close();
      assert.deepEqual((data as { invites: unknown }).invites, []);
    });

    it('that can not be opened changes nothing, and neither does one of somebody else without being told', async () => {
      const [ana, ben] = [await engines.open('ana'), await engines.open('ben')];
      await ana.engine.wish('createRoom', { label: 'of ana' });
      await ben.engine.wish('createRoom', { label: 'of ben' });
      await ana.engine.wish('backUpIdentity', { path: file('ana.backup'), passphrase: WORDS });
      const good = fs.readFileSync(file('ana.backup'));
      fs.writeFileSync(file('cut.backup'), good.subarray(0, -5));
      fs.writeFileSync(file('foreign.backup'), 'a shopping list');
      const before = { ...ben.engine.state.identity };
      const refused = (name: string, code: string, passphrase = WORDS) =>
        assert.rejects(ben.engine.wish('restoreIdentity', { path: file(name), passphrase }), (error: Error) => {
          assert.ok(!error.message.includes(passphrase));
          return 'code' in error && error.code === code;
        });

      await refused('ana.backup', 'BACKUP_PASSPHRASE', 'another passphrase');
      await refused('cut.backup', 'BACKUP_INVALID');
      await refused('foreign.backup', 'BACKUP_INVALID');
      await refused('missing.backup', 'USAGE');
      await refused('ana.backup', 'IDENTITY_EXISTS');
      const same = await restart(ben, 'ben');
      assert.deepEqual(same.engine.state.identity, before);
      assert.deepEqual(
        same.engine.state.rooms.map(({ label }) => label),
        ['of ben'],
      );

      const path = file('ana.backup');
      await same.engine.wish('restoreIdentity', { path, passphrase: WORDS, isReplacing: true });
      const now = await restart(same, 'ana');

      assert.equal(now.engine.state.identity.key, ana.engine.state.identity.key);
      assert.deepEqual(now.engine.state.rooms.map(({ label }) => label).sort(), ['of ana', 'of ben']);
    });

    it('of the same identity brings back rooms that were left, and leaves the others as they are now', async () => {
      const ana = await engines.open('ana');
      await ana.engine.wish('createRoom', { label: 'lab' });
      const { room } = await ana.engine.wish('createRoom', { label: 'team' });
      await ana.engine.wish('backUpIdentity', { path: file('ana.backup'), passphrase: WORDS });
      await ana.engine.wish('leaveRoom', { room: 'team' });
      await ana.engine.wish('setRoomLimits', { room: 'lab', upload: 7_000 });

      const restored = await ana.engine.wish('restoreIdentity', { path: file('ana.backup'), passphrase: WORDS });
      const now = await restart(ana, 'ana');

      assert.deepEqual([restored.isSame, restored.rooms], [true, [{ id: room, label: 'team' }]]);
      assert.deepEqual(
        now.engine.state.rooms.map(({ label, uploadLimit }) => [label, uploadLimit]),
        [
          ['lab', 7_000],
          ['team', 0],
        ],
      );
    });
  });

  async function storeOf({ engine, home }: TestEngine) {
    await engines.close(engine);
    const { Store } = await import('../../src/engine/store/store');
    return { store: await Store.open(home) };
  }
});
