import assert from 'node:assert/strict';
import c, { type Encoder } from 'compact-encoding';
import { epochSecret, nonceCommitment, roomTag } from '../../../src/engine/net/members/epochSecret';
import { comparableFingerprint } from '../../../src/engine/net/members/fingerprint';
import { formatJoinCode, joinKeys, parseJoinCode } from '../../../src/engine/net/members/joinCode';
import { memberStatements, membersMessage } from '../../../src/engine/net/members/memberMessages';
import { RoomLog } from '../../../src/engine/net/members/roomLog';
import { openStatement, signStatement, type Act } from '../../../src/engine/net/members/statement';
import { identityKeys } from '../../../src/engine/release/release';
import { readVectors, vectorText } from './vectorFile';

interface MemberVectors {
  readonly people: readonly {
    readonly name: string;
    readonly seed: Buffer;
    readonly key: Buffer;
    readonly fingerprint: string;
  }[];
  readonly room: { readonly creator: Buffer; readonly nonce: Buffer; readonly tag: Buffer; readonly secret: Buffer };
  readonly statements: readonly {
    readonly hash: string;
    readonly author: string;
    readonly clock: number;
    readonly act: Act;
    readonly encoded: Buffer;
  }[];
  readonly digest: Buffer;
  readonly view: {
    readonly admins: readonly string[];
    readonly members: readonly string[];
    readonly removed: readonly string[];
    readonly epoch: string;
    readonly number: number;
  };
  readonly epoch: { readonly nonce: Buffer; readonly commitment: Buffer; readonly secret: Buffer };
  readonly messages: readonly { readonly type: number; readonly fields: unknown; readonly encoded: Buffer }[];
  readonly joinCode: {
    readonly secret: Buffer;
    readonly code: string;
    readonly topic: Buffer;
    readonly auth: Buffer;
    readonly data: Buffer;
    readonly id: string;
  };
}

const plain = (value: unknown): unknown => JSON.parse(vectorText(value));

describe('protocol vectors of members', () => {
  const { people, room, statements, digest, view, epoch, messages, joinCode } = readVectors<MemberVectors>('members');
  const keysOf = (name: string) => identityKeys(people.find((each) => each.name === name)!.seed);

  it('name a room for ever', () => {
    assert.deepEqual(roomTag(room), room.tag);
    assert.deepEqual(epochSecret(room, undefined), room.secret);
  });

  it('show keys as fingerprints', () => {
    for (const { seed, key, fingerprint } of people) {
      assert.deepEqual(identityKeys(seed).publicKey, key);
      assert.equal(comparableFingerprint(key), fingerprint);
    }
  });

  it('have every kind of statement, as it is signed and read', () => {
    assert.deepEqual(
      new Set(statements.map(({ act }) => act.kind)),
      new Set(['admit', 'appoint', 'dismiss', 'remove', 'epoch']),
    );
    for (const { hash, author, clock, act, encoded } of statements) {
      const { keys } = people
        .map(({ seed }) => ({ keys: identityKeys(seed) }))
        .find((each) => each.keys.publicKey.toString('hex') === author)!;

      assert.deepEqual(signStatement(room.tag, keys, clock, act).bytes, encoded);
      assert.deepEqual(plain(openStatement(room.tag, encoded)), plain({ hash, author, clock, act, bytes: encoded }));
    }
  });

  it('amount to one room, in any order', () => {
    const all = statements.map(({ encoded }) => encoded);
    for (const list of [all, [...all].reverse().concat(all)]) {
      const log = new RoomLog(room);
      for (let round = 0; round < 3; round++) for (const bytes of list) log.add([bytes]);

      assert.deepEqual(log.view.admins, view.admins);
      assert.deepEqual([...log.view.members.keys()].sort(), view.members);
      assert.deepEqual([...log.view.removed.keys()], view.removed);
      assert.deepEqual([log.view.epoch.id, log.view.epoch.number], [view.epoch, view.number]);
      assert.deepEqual(log.digest, digest);
    }
  });

  it('seal the next secret for everybody but the removed', () => {
    const log = new RoomLog(room);
    log.add(statements.map(({ encoded }) => encoded));

    for (const name of ['creator', 'admin', 'member'])
      assert.deepEqual(log.keyFor(keysOf(name)), { secret: epoch.secret, nonce: epoch.nonce });
    assert.equal(log.keyFor(keysOf('removed')), undefined);
    assert.deepEqual(nonceCommitment(room.tag, epoch.nonce), epoch.commitment);
    assert.deepEqual(epochSecret(room, epoch.nonce), epoch.secret);
  });

  it('carry them', () => {
    const encodings: Readonly<Record<number, Encoder>> = { 6: membersMessage, 7: memberStatements };
    for (const { type, fields, encoded } of messages) {
      assert.deepEqual(Buffer.from(c.encode(encodings[type]!, fields)), encoded);
      assert.deepEqual(plain(c.decode(encodings[type]!, encoded)), plain(fields));
    }
  });

  it('write a one-time code, and derive where it leads', () => {
    const { secret, code, ...keys } = joinCode;

    assert.equal(formatJoinCode(secret), code);
    assert.deepEqual(parseJoinCode(code), secret);
    assert.deepEqual(plain(joinKeys(secret)), plain(keys));
  });
});
