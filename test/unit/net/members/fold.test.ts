import assert from 'node:assert/strict';
import { signStatement } from '../../../../src/engine/net/members/statement';
import { seeded } from '../../../helpers/hostile';
import { makeTeam, meet, settleAll, summary, type Device } from './teams';

describe('the members of a room', () => {
  const names = (keys: Iterable<string>, all: readonly Device[]): string[] =>
    [...keys].map((key) => all.find((each) => each.key === key)!.name).sort();

  it('are who an admin signed for, and the creator is the first admin', () => {
    const team = makeTeam('ana', 'ben', 'eve');
    const [ana, ben, eve] = team as [Device, Device, Device];

    ana.admit(ben);
    eve.hear(...ana.log.statements);

    assert.deepEqual(names(eve.view.members.keys(), team), ['ana', 'ben']);
    assert.deepEqual(names(eve.view.admins, team), ['ana']);
    assert.deepEqual(eve.view.members.get(ben.key), { by: ana.key, isInvited: true });
    assert.throws(() => ben.admit(eve), { code: 'ROOM_NOT_OWNER' });
  });

  it('get the next secret after a removal, and the removed one does not', () => {
    const [ana, ben, eve] = makeTeam('ana', 'ben', 'eve') as [Device, Device, Device];
    ana.admit(ben);
    ana.admit(eve);
    const before = ana.secret;

    ana.remove(eve);
    meet(ana, ben, eve); // Even told everything, it can't open what was sealed for others.

    assert.notEqual(ana.secret, before);
    assert.equal(ben.secret, ana.secret);
    assert.equal(eve.secret, undefined);
    assert.equal(ben.view.removed.has(eve.key), true);
  });

  it('do not count the word of who is no admin, nor of who is none any more', () => {
    const [ana, ben, carl, eve] = makeTeam('ana', 'ben', 'carl', 'eve') as [Device, Device, Device, Device];
    ana.admit(ben);
    ana.admit(carl);
    ana.appoint(carl);
    meet(ana, ben, carl);
    ana.remove(carl);
    const sealed = Buffer.alloc(80);
    const late = signStatement(carl.log.tag, carl.keys, 0, {
      kind: 'admit',
      member: eve.key,
      epoch: ana.view.epoch.id,
      isInvited: true,
      sealed,
      over: [],
    });
    const revenge = signStatement(carl.log.tag, carl.keys, 0, { kind: 'remove', member: ana.key, floor: 0 });
    const stranger = signStatement(eve.log.tag, eve.keys, 0, { kind: 'remove', member: ben.key, floor: 0 });

    ana.hear(late, revenge, stranger);

    assert.deepEqual(names(ana.view.members.keys(), [ana, ben, carl, eve]), ['ana', 'ben']);
    assert.deepEqual(names(ana.view.removed.keys(), [ana, ben, carl, eve]), ['carl']);
    assert.equal(ana.view.epoch.isGood, true);
    assert.ok(!ana.log.statements.some(({ author }) => author === eve.key));
  });

  it('stay when the admin who let them in is removed, and so do removals of that admin', () => {
    const team = makeTeam('ana', 'ben', 'carl', 'dora', 'eve');
    const [ana, ben, carl, dora, eve] = team as [Device, Device, Device, Device, Device];
    ana.admit(carl);
    ana.appoint(carl);
    meet(ana, carl);
    for (const device of [ben, dora, eve]) carl.admit(device);
    carl.appoint(dora);
    carl.remove(eve);
    settleAll(ana, ben, carl, dora);

    ana.remove(carl);
    settleAll(ana, ben, dora);

    assert.deepEqual(names(ben.view.members.keys(), team), ['ana', 'ben', 'dora']);
    assert.deepEqual(names(ben.view.removed.keys(), team), ['carl', 'eve']);
    assert.deepEqual(names(ben.view.admins, team), ['ana', 'dora']);
    assert.equal(ben.secret, ana.secret);
    assert.equal(dora.secret, ana.secret);
  });

  it('may come back when who removed them invites them again, but their old word stays void', () => {
    const [ana, ben, eve] = makeTeam('ana', 'ben', 'eve') as [Device, Device, Device];
    ana.admit(ben);
    ana.admit(eve);
    ana.appoint(eve);
    meet(ana, ben, eve);
    eve.admit(ben);
    ana.remove(eve);

    ana.admit(eve);
    settleAll(ana, ben, eve);

    assert.equal(eve.secret, ana.secret);
    assert.deepEqual([...ben.view.removed.keys()], []);
    assert.deepEqual(ben.view.admins, [ana.key]);
  });

  it('of two admins who remove each other at the same time, the senior stays', () => {
    const team = makeTeam('ana', 'ben', 'carl', 'dora');
    const [ana, ben, carl, dora] = team as [Device, Device, Device, Device];
    for (const device of [ben, carl, dora]) ana.admit(device);
    ana.appoint(carl);
    ana.appoint(dora);
    meet(...team);

    carl.remove(dora);
    assert.throws(() => dora.remove(carl), { code: 'ROOM_NOT_OWNER' });
    // An engine that ignores its rank.
    dora.hear(signStatement(dora.log.tag, dora.keys, 9, { kind: 'remove', member: carl.key, floor: 0 }));
    settleAll(ana, ben, carl, dora);

    for (const device of [ana, ben, carl]) {
      assert.deepEqual(names(device.view.admins, team), ['ana', 'carl']);
      assert.deepEqual(names(device.view.removed.keys(), team), ['dora']);
      assert.equal(device.secret, ana.secret);
    }
    assert.notEqual(dora.secret, ana.secret);
  });

  it('removed by two admins apart from each other, both are out of one new epoch', () => {
    const team = makeTeam('ana', 'ben', 'carl', 'nick', 'eve');
    const [ana, ben, carl, nick, eve] = team as [Device, Device, Device, Device, Device];
    for (const device of [ben, carl, nick, eve]) ana.admit(device);
    ana.appoint(carl);
    meet(...team);

    ana.remove(eve);
    carl.remove(nick);
    ben.hear(...ana.log.statements, ...carl.log.statements);
    assert.equal(ben.view.epoch.isGood, false);
    settleAll(ana, ben, carl);
    meet(...team);

    for (const device of [ana, ben, carl]) {
      assert.deepEqual(names(device.view.members.keys(), team), ['ana', 'ben', 'carl']);
      assert.equal(device.view.epoch.isGood, true);
      assert.equal(device.secret, ana.secret);
    }
    assert.equal(nick.secret, undefined);
    assert.equal(eve.secret, undefined);
  });

  it('let in by an invite while another admin made a new epoch are carried over, by the old code are not', () => {
    const [ana, carl, zoe, yan, eve] = makeTeam('ana', 'carl', 'zoe', 'yan', 'eve') as [
      Device,
      Device,
      Device,
      Device,
      Device,
    ];
    ana.admit(carl);
    ana.admit(eve);
    ana.appoint(carl);
    meet(ana, carl);
    ana.remove(eve);
    carl.admit(zoe, true);
    carl.admit(yan, false); // Perhaps eve with another key.

    settleAll(ana, carl);
    meet(ana, carl, zoe, yan);

    assert.equal(zoe.secret, ana.secret);
    assert.equal(yan.secret, undefined);
  });

  it('an admin put out of office stays a member, and can be put in again by a senior', () => {
    const [ana, ben, carl] = makeTeam('ana', 'ben', 'carl') as [Device, Device, Device];
    ana.admit(ben);
    ana.admit(carl);
    ana.appoint(carl);
    meet(ana, ben, carl);

    ana.dismiss(carl);
    meet(ana, carl);
    const dismissed = carl.view.admins.length;
    const isMember = carl.view.members.has(carl.key);
    ana.appoint(carl);
    meet(ana, carl);

    assert.deepEqual([dismissed, isMember, carl.view.admins.length], [1, true, 2]);
  });

  it('are the same for everybody with the same statements, in any order and any parts', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = seeded(seed);
      const team = makeTeam('ana', 'ben', 'carl', 'dora', 'eve', 'finn');
      // Two or three groups that do not hear of each other, with anybody doing anything.
      const groups = 1 + random(3);
      const group = team.map(() => random(groups));
      for (let step = 0; step < 24; step++) {
        const actor = team[random(team.length)]!;
        const target = team[random(team.length)]!;
        try {
          [
            () => actor.admit(target, random(2) === 0),
            () => actor.appoint(target),
            () => actor.dismiss(target),
            () => actor.remove(target),
          ][random(4)]!();
        } catch {
          // It may not do that, or has no secret to give.
        }
        if (random(3) === 0) meet(...team.filter((_, i) => group[i] === group[team.indexOf(actor)]));
      }
      const all = team.flatMap((device) => device.log.statements);

      for (const device of team) {
        // Each in an order of its own, some twice, in parts, until nothing is new: a statement may come before its author's appointment.
        for (let round = 0; round < 6; round++)
          for (const statement of [...all].sort(() => random(3) - 1)) device.hear(statement);
      }
      const [first, ...rest] = team.map((device) => summary(device, team));
      for (const other of rest) assert.deepEqual(other, first, `seed ${seed}`);

      const staying = team.filter((device) => team[0]!.view.members.has(device.key));
      settleAll(...staying);
      for (const device of staying) {
        assert.deepEqual(summary(device, team), summary(team[0]!, team), `seed ${seed}, settled`);
        assert.equal(device.view.epoch.isGood, true, `seed ${seed}`);
      }
      for (const device of team.filter(({ key }) => team[0]!.view.removed.has(key))) {
        device.hear(...team[0]!.log.statements);
        assert.notEqual(device.secret, team[0]!.secret, `seed ${seed}: ${device.name} was removed`);
      }
      for (const device of staying) if (device.log.isGiven(device.key)) assert.equal(device.secret, team[0]!.secret);
    }
  }).timeout(20_000);
});
