import assert from 'node:assert/strict';
import { openStatement as openKeyStatement } from '../../../src/engine/identity/statements';
import { RoomLog } from '../../../src/engine/net/members/roomLog';
import { openStatement, statementOfKey, type Act } from '../../../src/engine/net/members/statement';
import { identityKeys } from '../../../src/engine/release/release';
import { readVectors, vectorText } from './vectorFile';

interface MoveVectors {
  readonly people: readonly { readonly name: string; readonly seed: Buffer; readonly key: Buffer }[];
  readonly room: { readonly creator: Buffer; readonly nonce: Buffer; readonly tag: Buffer };
  /** As they travel outside of rooms. */
  readonly statementsOfKeys: readonly Buffer[];
  readonly statements: readonly {
    readonly hash: string;
    readonly author: string;
    readonly clock: number;
    readonly act: Act;
    readonly encoded: Buffer;
  }[];
  readonly digest: Buffer;
  readonly view: {
    readonly creator: string;
    readonly admins: readonly string[];
    readonly members: readonly string[];
    readonly removed: readonly { readonly key: string; readonly why: readonly string[] }[];
    readonly epoch: string;
    readonly isGood: boolean;
    readonly secret: Buffer;
  };
}

const plain = (value: unknown): unknown => JSON.parse(vectorText(value));

describe('protocol vectors of moves and revocations in a room', () => {
  const { people, room, statementsOfKeys, statements, digest, view } = readVectors<MoveVectors>('moves');
  const keysOf = (name: string) => identityKeys(people.find((each) => each.name === name)!.seed);

  it('write what authors state of their keys in the form of a room, with the same signatures', () => {
    const ofKeys = statements.filter(({ act }) => act.kind === 'move' || act.kind === 'revoke');

    assert.equal(ofKeys.length, statementsOfKeys.length);
    for (const bytes of statementsOfKeys) {
      const { key } = openKeyStatement(bytes);
      const { hash, encoded } = ofKeys.find(({ author }) => author === key)!;
      assert.equal(statementOfKey(room.tag, bytes).hash, hash);
      assert.deepEqual(statementOfKey(room.tag, bytes).bytes, encoded);
    }
  });

  it('read as they were written', () => {
    for (const { hash, author, clock, act, encoded } of statements)
      assert.deepEqual(plain(openStatement(room.tag, encoded)), plain({ hash, author, clock, act, bytes: encoded }));
  });

  it('amount to one room, in any order', () => {
    const all = statements.map(({ encoded }) => encoded);
    for (const list of [all, [...all].reverse()]) {
      const log = new RoomLog(room);
      for (let round = 0; round < 4; round++) for (const bytes of list) log.add([bytes]);
      const seen = log.view;

      assert.deepEqual([seen.creator, seen.admins], [view.creator, view.admins]);
      assert.deepEqual([...seen.members.keys()].sort(), view.members);
      const removed = [...seen.removed].map(([key, why]) => ({ key, why: why.map(({ act }) => act.kind).sort() }));
      assert.deepEqual(
        removed.sort((a, b) => (a.key < b.key ? -1 : 1)),
        view.removed,
      );
      assert.deepEqual([seen.epoch.id, seen.epoch.isGood], [view.epoch, view.isGood]);
      assert.deepEqual(log.digest, digest);
    }
  });

  it('give the present secret to who stands for a member now, and to no key of before', () => {
    const log = new RoomLog(room);
    log.add(statements.map(({ encoded }) => encoded));

    for (const name of ['creator next', 'admin', 'member next'])
      assert.deepEqual(log.keyFor(keysOf(name))?.secret, view.secret);
    for (const name of ['creator', 'lost admin', 'member', 'removed'])
      assert.equal(log.keyFor(keysOf(name)), undefined);
  });
});
