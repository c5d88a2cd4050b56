// Writes test/fixtures/protocol/members.json from the code: node --import tsx test/unit/protocol/makeMemberVectors.ts
// Sealed boxes are random, so it writes others each time. Peers that are out there rely on what stands there: run it for nothing but a new kind.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import c from 'compact-encoding';
import * as acts from '../../../src/engine/net/members/acts';
import { epochSecret, nonceCommitment, roomTag } from '../../../src/engine/net/members/epochSecret';
import { comparableFingerprint } from '../../../src/engine/net/members/fingerprint';
import { formatJoinCode, joinKeys } from '../../../src/engine/net/members/joinCode';
import { memberStatements, membersMessage } from '../../../src/engine/net/members/memberMessages';
import { RoomLog } from '../../../src/engine/net/members/roomLog';
import { identityKeys } from '../../../src/engine/release/release';
import { VECTORS, vectorText } from './vectorFile';

const bytes = (size: number, label: string): Buffer =>
  createHash('shake256', { outputLength: size }).update(label).digest();

const people = ['creator', 'admin', 'member', 'removed'].map((name) => {
  const seed = bytes(32, `member ${name}`);
  const keys = identityKeys(seed);
  return { name, seed, keys, key: keys.publicKey.toString('hex') };
});
const [creator, admin, member, removed] = people as [
  (typeof people)[0],
  (typeof people)[0],
  (typeof people)[0],
  (typeof people)[0],
];
const origin = { creator: creator.keys.publicKey, nonce: bytes(32, 'nonce 1') };
const log = new RoomLog(origin);
const as = (who: (typeof people)[0]): acts.Admin => ({ log, keys: who.keys });
const first = log.keyFor(creator.keys)!;

acts.admit(as(creator), admin.key, first, true);
acts.appoint(as(creator), admin.key);
acts.admit(as(admin), member.key, first, false);
acts.admit(as(admin), removed.key, first, false);
acts.appoint(as(admin), removed.key);
acts.dismiss(as(creator), removed.key);
acts.remove(as(admin), removed.key);

const { view, tag } = log;
const { nonce } = log.keyFor(member.keys)!;
const joinSecret = bytes(16, 'join');
const message = { ...origin, epochNonce: nonce!, digest: log.digest };
writeFileSync(
  path.join(VECTORS, 'members.json'),
  vectorText({
    people: people.map(({ name, seed, keys }) => ({
      name,
      seed,
      key: keys.publicKey,
      fingerprint: comparableFingerprint(keys.publicKey),
    })),
    room: { ...origin, tag, secret: epochSecret(origin, undefined) },
    statements: log.statements.map(({ hash, author, clock, act, bytes: encoded }) => ({
      hash,
      author,
      clock,
      act,
      encoded,
    })),
    digest: log.digest,
    view: {
      admins: view.admins,
      members: [...view.members.keys()].sort(),
      removed: [...view.removed.keys()],
      epoch: view.epoch.id,
      number: view.epoch.number,
    },
    epoch: { nonce, commitment: nonceCommitment(roomTag(origin), nonce!), secret: epochSecret(origin, nonce) },
    messages: [
      { type: 6, name: 'members', fields: message, encoded: c.encode(membersMessage, message) },
      {
        type: 7,
        name: 'memberStatements',
        fields: [bytes(70, 'one'), bytes(300, 'two')],
        encoded: c.encode(memberStatements, [bytes(70, 'one'), bytes(300, 'two')]),
      },
    ],
    joinCode: { secret: joinSecret, code: formatJoinCode(joinSecret), ...joinKeys(joinSecret) },
  }),
);
