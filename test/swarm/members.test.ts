import assert from 'node:assert/strict';
import c from 'compact-encoding';
import type { Testnet } from 'hyperdht/testnet';
import { makeRekey } from '../../src/engine/net/members/legacyRekey';
import { formatJoinCode } from '../../src/engine/net/members/joinCode';
import { rekey } from '../../src/engine/net/messages';
import { formatRoomCode, makeRoomSecret } from '../../src/engine/net/roomCode';
import { privateKeys } from '../../src/engine/net/roomKeys';
import { TestRooms, localDht } from '../helpers/testRooms';

describe('members of a private room', () => {
  let testnet: Testnet;
  const open = new Set<TestRooms>();

  before(async () => {
    testnet = await localDht();
  });
  afterEach(async () => {
    await Promise.all([...open].map(close));
  });
  after(() => testnet.destroy());

  async function make(name: string, from?: TestRooms): Promise<TestRooms> {
    const bootstrap = testnet.bootstrap.map(({ host, port }) => `${host}:${port}`);
    const rooms = new TestRooms(bootstrap, name, from);
    open.add(rooms);
    await rooms.rooms.open();
    return rooms;
  }

  async function close(rooms: TestRooms): Promise<void> {
    open.delete(rooms);
    await rooms.close();
  }

  /** A room of the first of them, with all of the others signed in. */
  async function makeRoom(ana: TestRooms, ...others: TestRooms[]): Promise<{ room: string; code: string }> {
    const { room, code } = ana.rooms.create('lab');
    for (const other of others) other.rooms.joinCode(code, 'lab');
    await ana.until(() => memberNames(ana, [ana, ...others]).length === others.length + 1);
    for (const other of others)
      await other.until(() => memberNames(other, [ana, ...others]).length === others.length + 1);
    return { room, code };
  }

  /** Who is signed for. */
  function memberNames(of: TestRooms, all: readonly TestRooms[]): string[] {
    return of.rooms
      .members('lab')
      .filter(({ role }) => role !== 'guest')
      .map(({ key }) => all.find((each) => each.key === key)?.name ?? key)
      .sort();
  }

  const roleOf = (of: TestRooms, who: TestRooms): string | undefined =>
    of.rooms.members('lab').find(({ key }) => key === who.key)?.role;

  const codeOf = (of: TestRooms): string => of.rooms.invite('lab').code;

  it('are signed for by an admin as they come with the code, and told so to everybody', async () => {
    const [ana, ben, carl] = [await make('ana'), await make('ben'), await make('carl')];

    await makeRoom(ana, ben, carl);

    assert.deepEqual(
      ben.rooms.members('lab').map(({ name, role, isOnline, isMe }) => ({ name, role, isOnline, isMe })),
      [
        { name: 'ana', role: 'creator', isOnline: true, isMe: false },
        { name: 'ben', role: 'member', isOnline: true, isMe: true },
        { name: 'carl', role: 'member', isOnline: true, isMe: false },
      ],
    );
    assert.deepEqual(
      [ana, ben].map((each) => each.rooms.states(() => 0)[0]?.isAdmin),
      [true, false],
    );
  });

  it('that were away learn from any other member that one was removed, and by an appointed admin too', async () => {
    const team = [await make('ana'), await make('ben'), await make('carl'), await make('eve'), await make('away')];
    const [ana, ben, carl, eve, away] = team as [TestRooms, TestRooms, TestRooms, TestRooms, TestRooms];
    const { code } = await makeRoom(ana, ben, carl, eve, away);
    ana.rooms.people.setAdmin('lab', carl.key, true);
    await carl.until(() => roleOf(carl, carl) === 'admin');
    await close(away);
    await close(ana);

    carl.rooms.removeMember('lab', eve.key);
    await ben.until(() => codeOf(ben) !== code);
    await close(carl);
    ben.offer(ben.rooms.resolve(['lab'])[0]!, 'fresh');
    const back = await make('away', away);
    await back.until(() => back.listOf(back.rooms.resolve(['lab'])[0]!, ben).length === 1);
    // On the connection on which it only proved the old secret at first, chunks can be asked for now.
    await back.until(() => back.links.some(({ peerKey, isOpen, isLane }) => peerKey === ben.key && isOpen && !isLane));

    assert.equal(codeOf(back), codeOf(ben));
    assert.deepEqual(memberNames(back, team), ['ana', 'away', 'ben', 'carl']);
    assert.equal(codeOf(eve), code);
  });

  it('end in one room when two admins removed somebody apart from each other', async () => {
    const team = [await make('ana'), await make('ben'), await make('carl'), await make('nick'), await make('eve')];
    const [ana, ben, carl, nick, eve] = team as [TestRooms, TestRooms, TestRooms, TestRooms, TestRooms];
    const { code } = await makeRoom(ana, ben, carl, nick, eve);
    ana.rooms.people.setAdmin('lab', carl.key, true);
    for (const each of [ben, carl]) await each.until(() => roleOf(each, carl) === 'admin');
    for (const each of team) await close(each);

    const anaAlone = await make('ana', ana);
    anaAlone.rooms.removeMember('lab', eve.key);
    const afterAna = codeOf(anaAlone);
    await close(anaAlone);
    const carlAlone = await make('carl', carl);
    carlAlone.rooms.removeMember('lab', nick.key);
    const afterCarl = codeOf(carlAlone);
    const anaBack = await make('ana', anaAlone);
    const benBack = await make('ben', ben);
    const staying = [anaBack, benBack, carlAlone];
    for (const each of staying)
      await each.until(
        () => memberNames(each, team).join() === 'ana,ben,carl' && new Set(staying.map(codeOf)).size === 1,
      );
    for (const each of staying) await each.until(() => each.rooms.peers.count(each.rooms.resolve(['lab'])[0]!) === 2);

    assert.ok(
      ![code, afterAna, afterCarl].includes(codeOf(benBack)),
      'the room went on with a secret that a removed one knows',
    );
  }).timeout(60_000);

  it('come with a one-time code, which is good for one device, and are verified on both sides', async () => {
    const [ana, ben, eve] = [await make('ana'), await make('ben'), await make('eve')];
    const { room } = ana.rooms.create('lab');
    ana.offer(room, 'one');
    const invite = ana.rooms.people.inviteOnce('lab', 2);

    const joined = await ben.rooms.joinAndWait(invite.code.toLowerCase(), { label: 'lab' });
    await ben.until(() => ben.listOf(joined, ana).length === 1);
    const refused = await eve.rooms.joinAndWait(invite.code, { waitMs: 2_500 }).catch((error: unknown) => error);

    assert.ok(Math.abs(invite.expiresAt - Date.now() - 2 * 3_600_000) < 60_000);
    assert.equal((refused as { code?: string }).code, 'ROOM_NOT_FOUND');
    assert.deepEqual(
      eve.rooms.states(() => 0),
      [],
    );
    for (const [of, who] of [
      [ana, ben],
      [ben, ana],
    ] as const) {
      const member = of.rooms.members('lab').find(({ key }) => key === who.key);
      assert.deepEqual([member?.isVerified, member?.verifiedBy], [true, 'invite']);
    }
    assert.equal(roleOf(ben, ben), 'member');
    assert.equal(codeOf(ben), codeOf(ana));
    // The same device may come again: the answer may have been lost.
    assert.equal(await ben.rooms.joinAndWait(invite.code), joined);
  }).timeout(20_000);

  it('are never two by one code: of two devices that come at the same moment one gets in, and no other admin knows the code', async () => {
    const team = [
      await make('ana'),
      await make('carl'),
      await make('guest 1'),
      await make('guest 2'),
      await make('late'),
    ];
    const [ana, carl, one, two, late] = team as [TestRooms, TestRooms, TestRooms, TestRooms, TestRooms];
    await makeRoom(ana, carl);
    ana.rooms.people.setAdmin('lab', carl.key, true);
    await carl.until(() => roleOf(carl, carl) === 'admin');
    const { code, expiresAt } = ana.rooms.people.inviteOnce('lab');
    const other = ana.rooms.people.inviteOnce('lab').code;

    const answers = await Promise.allSettled(
      [one, two].map((each) => each.rooms.joinAndWait(code, { label: 'lab', waitMs: 3_000 })),
    );
    await close(ana);
    const alone = await late.rooms.joinAndWait(other, { waitMs: 1_500 }).catch((error: unknown) => error);

    assert.deepEqual(answers.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.ok(Math.abs(expiresAt - Date.now() - 24 * 3_600_000) < 60_000, 'a day, unless said otherwise');
    assert.deepEqual(
      carl.rooms
        .members('lab')
        .filter(({ key }) => [one.key, two.key, late.key].includes(key))
        .map(({ role }) => role),
      ['member'],
    );
    assert.equal((alone as { code?: string }).code, 'ROOM_NOT_FOUND');
  }).timeout(20_000);

  it('that were removed are told so by any member, also when they were away, and nothing else', async () => {
    const team = [await make('ana'), await make('ben'), await make('eve'), await make('away')];
    const [ana, ben, eve, away] = team as [TestRooms, TestRooms, TestRooms, TestRooms];
    await makeRoom(ana, ben, eve, away);
    const endOf = (of: TestRooms): string | undefined => of.rooms.states(() => 0)[0]?.ended;
    const logOf = (of: TestRooms): string[] =>
      (of.memory.list()[0]!.data as { log: string[] }).log.map((text) => Buffer.from(text, 'base64').toString('hex'));
    const before = logOf(away);
    await close(away);

    ana.rooms.removeMember('lab', eve.key);
    ana.rooms.removeMember('lab', away.key);
    const zoe = await make('zoe');
    await zoe.rooms.joinAndWait(ana.rooms.people.inviteOnce('lab').code, { label: 'lab' });
    await ben.until(() => memberNames(ben, [...team, zoe]).join() === 'ana,ben,zoe');
    await close(ana);
    const back = await make('away', away);
    for (const each of [back, eve]) await each.until(() => endOf(each) === 'removed');
    const fresh = logOf(back).filter((bytes) => !before.includes(bytes));

    assert.equal(endOf(ben), undefined);
    assert.equal(fresh.length, 1);
    assert.ok(fresh[0]!.includes(away.key) && fresh[0]!.includes(ana.key), 'whom it is about, and who decided it');
    for (const other of [ben, eve, zoe]) assert.ok(!fresh[0]!.includes(other.key));
    assert.equal(back.rooms.peers.count(back.rooms.resolve(['lab'])[0]!), 0);
    await close(back);
    const later = await make('away', back);
    assert.equal(endOf(later), 'removed');
    // An invite ends that.
    const anaBack = await make('ana', ana);
    await later.rooms.joinAndWait(anaBack.rooms.people.inviteOnce('lab').code);
    await ben.until(() => memberNames(ben, [...team, zoe]).join() === 'ana,away,ben,zoe');
    assert.equal(endOf(later), undefined);
  }).timeout(30_000);

  it('come with a one-time code also after a restart of who made it, and after a removal', async () => {
    const [ana, eve, ben] = [await make('ana'), await make('eve'), await make('ben')];
    await makeRoom(ana, eve);
    const { code } = ana.rooms.people.inviteOnce('lab');
    ana.rooms.removeMember('lab', eve.key);
    await close(ana);

    const again = await make('ana', ana);
    const joined = await ben.rooms.joinAndWait(code, { label: 'lab' });
    await ben.until(() => ben.rooms.peers.count(joined) === 1);

    assert.deepEqual(memberNames(again, [again, ben, eve]), ['ana', 'ben']);
    assert.equal(codeOf(ben), codeOf(again));
  });

  it('that were removed come back only when they are invited again', async () => {
    const [ana, ben, eve] = [await make('ana'), await make('ben'), await make('eve')];
    await makeRoom(ana, ben, eve);
    ana.rooms.removeMember('lab', eve.key);
    await ben.until(() => !memberNames(ben, [ana, ben, eve]).includes('eve'));

    eve.rooms.joinCode(codeOf(ana), 'again');
    await assert.rejects(eve.rooms.joinAndWait(codeOf(ana), { waitMs: 1_500 }), { code: 'ROOM_NOT_FOUND' });
    const { code } = ana.rooms.people.inviteOnce('lab');
    await eve.rooms.joinAndWait(code);
    await ben.until(() => memberNames(ben, [ana, ben, eve]).includes('eve'));

    assert.equal(roleOf(ana, eve), 'member');
    ana.rooms.removeMember('lab', eve.key);
    await assert.rejects(eve.rooms.joinAndWait(code, { waitMs: 1_500 }), { code: 'ROOM_NOT_FOUND' });
  }).timeout(20_000);

  it('can not tell a wrong code, a used one, an expired one and no such room apart', async () => {
    const [ana, ben, eve] = [await make('ana'), await make('ben'), await make('eve')];
    ana.rooms.create('lab');
    const used = ana.rooms.people.inviteOnce('lab').code;
    await ben.rooms.joinAndWait(used);
    const expired = ana.rooms.people.inviteOnce('lab', 0.000_05).code;
    const taken = ana.rooms.people.inviteOnce('lab').code;
    ana.rooms.people.cancelInvites('lab');
    await new Promise((resolve) => setTimeout(resolve, 200)); // Its 180 ms.
    const wrong = formatRoomCode(Buffer.alloc(16, 9));
    const none = formatJoinCode(Buffer.alloc(16, 8));

    const answers = await Promise.all(
      [used, expired, taken, wrong, none].map(async (code) => {
        const started = performance.now();
        const error = (await eve.rooms
          .joinAndWait(code, { waitMs: 3_000 })
          .catch((reason: unknown) => reason)) as Error;
        return { error, ms: performance.now() - started };
      }),
    );

    const plain = (error: Error) => ({ ...(error as object), message: error.message });
    const [first] = answers;
    assert.match(first!.error.message, /No such room, or a wrong code/);
    for (const { error, ms } of answers) {
      assert.deepEqual(plain(error), plain(first!.error));
      assert.ok(ms >= 2_990 && ms < 4_500, `${ms} ms`);
    }
    assert.deepEqual(
      eve.rooms.states(() => 0),
      [],
    );
  }).timeout(20_000);

  it('have names of mine, marks that I compared them, and a last time, over restarts', async () => {
    const [ana, ben] = [await make('ana'), await make('ben')];
    await makeRoom(ana, ben);
    await ana.until(() => ana.rooms.members('lab').some(({ name }) => name === 'ben'));
    const { fingerprint } = ana.rooms.members('lab').find(({ isMe }) => !isMe)!;
    ana.rooms.people.rename('lab', fingerprint, 'Ben from the lab');
    ana.rooms.people.setVerified('lab', 'Ben from the lab', true);
    await close(ben);
    await ana.until(() => ana.rooms.members('lab').some(({ isOnline, isMe }) => !isMe && !isOnline));
    await close(ana);

    const again = await make('ana', ana);
    const member = again.rooms.members('lab')[1]!;

    assert.equal(member.name, 'ben');
    assert.equal(member.petname, 'Ben from the lab');
    assert.equal(member.verifiedBy, 'compared');
    assert.ok(Date.now() - member.lastSeenAt! < 60_000);
    assert.equal(ben.rooms.members('lab').find(({ isMe }) => isMe)?.fingerprint, fingerprint);
    assert.throws(() => again.rooms.people.rename('lab', 'nobody', 'x'), { code: 'PEER_UNKNOWN' });
  });

  it('of a room from before there were statements go on: one who was away, and a removal', async () => {
    const [ana, ben, eve, away] = [await make('ana'), await make('ben'), await make('eve'), await make('away')];
    for (const each of [ana, ben, eve, away]) await close(each);
    const { publicKey } = ana.keys;
    const first = makeRoomSecret(publicKey);
    const { message, next } = makeRekey({ key: publicKey, nonce: first.nonce }, ana.keys, ['ab'.repeat(32)]);
    const { id } = privateKeys(first.secret);
    const members = [ben, eve, away].map(({ key, name }) => [key, name]);
    const owner = (nonce: Buffer) => ({ key: publicKey.toString('hex'), nonce: nonce.toString('hex') });
    const past = [
      { secret: first.secret.toString('hex'), message: Buffer.from(c.encode(rekey, message)).toString('hex') },
    ];
    const now = {
      secret: next.secret.toString('hex'),
      owner: owner(next.nonce),
      members,
      removed: ['ab'.repeat(32)],
      past,
    };
    const then = { secret: first.secret.toString('hex'), owner: owner(first.nonce), members, removed: [], past: [] };
    for (const [each, data] of [
      [ana, now],
      [ben, now],
      [eve, now],
      [away, then],
    ] as const)
      each.memory.put({ id, kind: 'private', label: 'lab', isJoined: true, data });

    const [ana2, ben2, eve2] = [await make('ana', ana), await make('ben', ben), await make('eve', eve)];
    await ben2.until(() => memberNames(ben2, [ana, ben, eve, away]).length === 4);
    const away2 = await make('away', away);
    await away2.until(() => codeOf(away2) === codeOf(ana2) && memberNames(away2, [ana, ben, eve, away]).length === 4);
    ana2.rooms.removeMember('lab', eve.key);
    for (const each of [ben2, away2]) await each.until(() => codeOf(each) === codeOf(ana2));
    await ben2.until(() => ben2.rooms.peers.count(id) === 2);

    assert.notEqual(codeOf(ben2), formatRoomCode(next.secret));
    assert.equal(codeOf(eve2), formatRoomCode(next.secret));
    assert.deepEqual(memberNames(away2, [ana, ben, eve, away]), ['ana', 'away', 'ben']);
  }).timeout(20_000);
});
