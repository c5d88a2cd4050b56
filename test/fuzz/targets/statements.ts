import assert from 'node:assert/strict';
import type { KeyPair } from 'hypercore-crypto';
import { makeRevocation, makeRotation } from '../../../src/engine/identity/statements';
import { roomTag, type RoomOrigin } from '../../../src/engine/net/members/epochSecret';
import { RoomLog } from '../../../src/engine/net/members/roomLog';
import { SEAL_BYTES } from '../../../src/engine/net/members/sealed';
import {
  openStatement,
  signStatement,
  statementOfKey,
  type Act,
  type Statement,
} from '../../../src/engine/net/members/statement';
import { identityKeys } from '../../../src/engine/release/release';
import { damaged } from '../bytes';
import { Random } from '../random';
import { tried, type Target, type Verdict } from '../target';

const DEVICES = Array.from({ length: 6 }, (_, i) => identityKeys(Buffer.alloc(32, i + 1)));
const KEYS = DEVICES.map(({ publicKey }) => publicKey.toString('hex'));
const ORIGIN: RoomOrigin = { creator: DEVICES[0]!.publicKey, nonce: Buffer.alloc(32, 9) };
const TAG = roomTag(ORIGIN);
const SEALED = Buffer.alloc(32 + SEAL_BYTES, 1);
/** Author, kind, whom it is about, and one more number. */
const STEP_BYTES = 4;
const KINDS = 7;

/** Admins and others who sign whatever they like: in any order and any parts it is the same room for all. */
export const roomStatements: Target = {
  name: 'statements of rooms',
  open: () => ({
    make: (random) => {
      const steps = Array.from({ length: 1 + random.below(14) }, () => [
        random.pick([0, 0, 0, 1, 1, 2, 3, 4, 5]),
        ...[random.isOneIn(4) ? 5 + random.below(2) : random.below(5), random.below(DEVICES.length), random.below(256)],
      ]);
      return Buffer.from([random.below(256), ...steps.flat()]);
    },
    take: (input) => {
      const said = sign(input.subarray(1));
      const random = new Random(input[0] ?? 0, 0);
      const whole = heard([said.map(({ bytes }) => bytes)]);
      const parts = heard(shuffled(said, random).map(({ bytes }) => [bytes]));
      assert.deepEqual(viewOf(parts), viewOf(whole));
      assert.deepEqual(parts.digest, whole.digest);
      return whole.view.members.size > 1 || whole.view.removed.size > 0 ? 'accepted' : 'refused';
    },
  }),
};

/** Signed bytes that were changed on their way. The first byte says which of some statements it was. */
export const damagedStatements: Target = {
  name: 'damaged statements',
  open: () => {
    const sound = sign(
      Buffer.from([0, 0, 1, 3, 0, 1, 1, 5, 0, 2, 1, 0, 0, 3, 2, 7, 0, 4, 0, 1, 0, 5, 2, 9, 1, 6, 0, 0]),
    );
    return {
      make: (random) => {
        const bytes = random.pick(sound).bytes;
        return random.isOneIn(12) ? bytes : damaged(bytes, random);
      },
      take: (input): Verdict =>
        tried(['MESSAGE_INVALID'], () => {
          const { bytes, hash } = openStatement(TAG, input);
          assert.deepEqual(bytes, Buffer.from(input));
          assert.ok(
            sound.some((statement) => statement.hash === hash),
            'nobody signed this',
          );
        }),
    };
  },
};

function sign(steps: Uint8Array): Statement[] {
  const said: Statement[] = [];
  for (let at = 0; at + STEP_BYTES <= steps.byteLength; at += STEP_BYTES) {
    const [author = 0, kind = 0, about = 0, number = 0] = steps.subarray(at, at + STEP_BYTES);
    const keys = DEVICES[author % DEVICES.length]!;
    const ofKey = statementOfKeyBy(keys, kind % KINDS, DEVICES[about % DEVICES.length]!, number);
    if (ofKey) said.push(statementOfKey(TAG, ofKey));
    else said.push(signStatement(TAG, keys, number, actOf(kind, KEYS[about % KEYS.length]!, number, said)));
  }
  return said;
}

/** What goes to all the world. Nobody can move to the own key. */
function statementOfKeyBy(keys: KeyPair, kind: number, next: KeyPair, number: number): Uint8Array | undefined {
  if (kind === 6) return makeRevocation(keys).bytes;
  return kind === 5 && !keys.publicKey.equals(next.publicKey) ? makeRotation(keys, next, number).bytes : undefined;
}

function actOf(kind: number, member: string, number: number, said: readonly Statement[]): Act {
  const epochs = said.filter(({ act }) => act.kind === 'epoch').map(({ hash }) => hash);
  const over = said.map(({ hash }) => hash).slice(0, number % 5);
  switch (kind % KINDS) {
    case 0: {
      const epoch = [TAG.toString('hex'), ...epochs][number % (epochs.length + 1)]!;
      return { kind: 'admit', member, epoch, isInvited: number % 2 === 0, sealed: SEALED, over };
    }
    case 1:
      return { kind: 'appoint', member, over };
    case 2:
      return { kind: 'dismiss', member };
    case 3:
      return { kind: 'remove', member, floor: number % 3 };
    default: {
      const recipients = [...KEYS].sort().filter((_, i) => (number >> i) & 1);
      const commitment = Buffer.alloc(32, number);
      return {
        ...{ kind: 'epoch', number: number % 4, commitment },
        recipients: recipients.map((key) => ({ key, sealed: SEALED })),
      };
    }
  }
}

/** As peers tell each other until they say that they have the same. */
function heard(parts: readonly (readonly Uint8Array[])[]): RoomLog {
  const log = new RoomLog(ORIGIN);
  for (let rounds = 0; rounds <= parts.length; rounds++) {
    const before = log.digest;
    for (const part of parts) log.add(part);
    if (log.digest.equals(before)) break;
  }
  return log;
}

function viewOf({ view }: RoomLog): unknown {
  return {
    creator: view.creator,
    admins: view.admins,
    members: [...view.members.keys()].sort(),
    removed: [...view.removed.keys()].sort(),
    epoch: view.epoch.id,
    inForce: view.inForce.map(({ hash }) => hash),
  };
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [copy[i], copy[j]] = [copy[j]!, copy[i]!];
  }
  return copy;
}
