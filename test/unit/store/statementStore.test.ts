import assert from 'node:assert/strict';
import { makeRevocation, makeRotation, type Statement } from '../../../src/engine/identity/statements';
import { identityKeys } from '../../../src/engine/release/release';
import { StatementStore } from '../../../src/engine/store/statementStore';
import { seededBytes } from '../../helpers/packages';
import { reopen, withStore } from '../../helpers/stores';

const pair = (name: string) => identityKeys(seededBytes(32, name));
const key = (name: string): string => pair(name).publicKey.toString('hex');
const move = (from: string, to: string, last = 100): Statement => makeRotation(pair(from), pair(to), last);
const end = (name: string): Statement => makeRevocation(pair(name));
const ids = (store: StatementStore): string[] => store.list().map(({ statement }) => statement.id);

describe('StatementStore', () => {
  it('keeps statements over a restart, with where they were heard', () =>
    withStore(async (store) => {
      assert.equal(store.statements.put(move('a', 'b'), { room: 'lab' }), true);
      assert.equal(store.statements.put(end('c'), { isMine: true }), true);
      assert.equal(store.statements.put(move('a', 'b'), { room: 'team' }), false);
      const before = store.statements.list();

      const later = await reopen(store);
      const after = later.statements.list();
      await later.close();

      assert.deepEqual(after, before);
      assert.deepEqual(
        after.map(({ isMine, rooms }) => [isMine, rooms]),
        [
          [false, ['lab', 'team']],
          [true, []],
        ],
      );
    }));

  it('keeps two moves of a key as proof that neither counts, and no third', () =>
    withStore((store) => {
      for (const to of ['b', 'c', 'd']) store.statements.put(move('a', to), { room: 'lab' });
      store.statements.put(end('a'), { room: 'lab' });

      assert.deepEqual(ids(store.statements), [move('a', 'b').id, move('a', 'c').id, end('a').id]);
      return Promise.resolve();
    }));

  it('keeps of one move the lowest number', () =>
    withStore((store) => {
      for (const last of [100, 50, 70]) store.statements.put(move('a', 'b', last), { room: 'lab' });

      assert.deepEqual(ids(store.statements), [move('a', 'b', 50).id]);
      return Promise.resolve();
    }));

  it('does not grow, and keeps what is mine and what concerns authors whose work is here', function () {
    this.timeout(10_000);
    return withStore((store) => {
      const statements = new StatementStore(store.db, () => new Set([key('kept')]));
      const template = end('x');
      const many = (i: number): Statement => {
        const bytes = Buffer.from(template.bytes);
        bytes.writeUInt32LE(i, 1); // The store takes checked statements, so thousands need no real signature.
        const of = bytes.subarray(1, 33).toString('hex');
        return { kind: 'revocation', key: of, id: `id ${i}`, bytes };
      };
      statements.put(move('mine', 'mine 2'), { isMine: true });
      statements.put(move('kept', 'kept 2'), { room: 'lab' });
      statements.put(end('kept 2'), { room: 'lab' });
      store.db.exec('PRAGMA synchronous = OFF'); // Thousands of commits; what is shown is not their safety.

      for (let i = 0; i < 2_100; i++) statements.put(many(i), { room: 'lab' });
      const left = ids(statements);

      assert.equal(left.length, 2_048);
      assert.deepEqual(left.slice(0, 3), [move('mine', 'mine 2').id, move('kept', 'kept 2').id, end('kept 2').id]);
      assert.deepEqual([left[3], left.at(-1)], ['id 55', 'id 2099']);
      assert.equal(store.db.get('SELECT count(*) AS n FROM statements')?.['n'], 2_048);
      return Promise.resolve();
    });
  });
});
