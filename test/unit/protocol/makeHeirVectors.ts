// Writes test/fixtures/protocol/moves.json from the code: node --import tsx test/unit/protocol/makeHeirVectors.ts
// Sealed boxes are random, so it writes others each time. Peers that are out there rely on what stands there: run it for nothing but a new kind.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeRevocation, makeRotation } from '../../../src/engine/identity/statements';
import * as acts from '../../../src/engine/net/members/acts';
import { RoomLog } from '../../../src/engine/net/members/roomLog';
import { identityKeys } from '../../../src/engine/release/release';
import { VECTORS, vectorText } from './vectorFile';

const bytes = (size: number, label: string): Buffer =>
  createHash('shake256', { outputLength: size }).update(label).digest();

const names = ['creator', 'creator next', 'admin', 'lost admin', 'member', 'member next', 'removed'] as const;
const people = names.map((name) => {
  const seed = bytes(32, `mover ${name}`);
  const keys = identityKeys(seed);
  return { name, seed, keys, key: keys.publicKey.toString('hex') };
});
const of = (name: (typeof names)[number]) => people.find((each) => each.name === name)!;
const origin = { creator: of('creator').keys.publicKey, nonce: bytes(32, 'nonce of a room with moves') };
const log = new RoomLog(origin);
const as = (name: (typeof names)[number]): acts.Admin => ({ log, keys: of(name).keys });

const first = log.keyFor(of('creator').keys)!;
for (const name of ['admin', 'lost admin', 'member', 'removed'] as const)
  acts.admit(as('creator'), of(name).key, first, true);
acts.appoint(as('creator'), of('admin').key);
acts.appoint(as('creator'), of('lost admin').key);
acts.remove(as('lost admin'), of('removed').key);

const ofKeys = [
  makeRotation(of('creator').keys, of('creator next').keys, 1_700_000_000_001),
  makeRotation(of('member').keys, of('member next').keys, 0),
  makeRevocation(of('lost admin').keys),
].map((statement) => statement.bytes);
log.addOfKeys([ofKeys[0]!]);
acts.takeOver(as('creator next'));
log.addOfKeys(ofKeys.slice(1));
acts.renew(as('admin'));

const { view } = log;
writeFileSync(
  path.join(VECTORS, 'moves.json'),
  vectorText({
    people: people.map(({ name, seed, keys }) => ({ name, seed, key: keys.publicKey })),
    room: { ...origin, tag: log.tag },
    statementsOfKeys: ofKeys,
    statements: log.statements.map(({ hash, author, clock, act, bytes: encoded }) => ({
      hash,
      author,
      clock,
      act,
      encoded,
    })),
    digest: log.digest,
    view: {
      creator: view.creator,
      admins: view.admins,
      members: [...view.members.keys()].sort(),
      removed: [...view.removed]
        .map(([key, why]) => ({ key, why: why.map(({ act }) => act.kind).sort() }))
        .sort((a, b) => (a.key < b.key ? -1 : 1)),
      epoch: view.epoch.id,
      isGood: view.epoch.isGood,
      secret: log.keyFor(of('member next').keys)!.secret,
    },
  }),
);
