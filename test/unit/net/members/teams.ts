import { randomBytes } from 'node:crypto';
import { keyPair, type KeyPair } from 'hypercore-crypto';
import * as acts from '../../../../src/engine/net/members/acts';
import { makeRevocation, makeRotation } from '../../../../src/engine/identity/statements';
import { RoomLog, type EpochKey } from '../../../../src/engine/net/members/roomLog';
import type { RoomView } from '../../../../src/engine/net/members/fold';
import type { Statement } from '../../../../src/engine/net/members/statement';

/** One device and what it has heard of a room, without any network. */
export class Device {
  readonly key: string;

  constructor(
    readonly name: string,
    readonly keys: KeyPair,
    readonly log: RoomLog,
  ) {
    this.key = keys.publicKey.toString('hex');
  }

  get view(): RoomView {
    return this.log.view;
  }

  get secret(): string | undefined {
    return this.log.keyFor(this.keys)?.secret.toString('hex');
  }

  /** Signs another device in, with the secret that this one has. */
  admit(member: Device, isInvited = true): Statement[] {
    return acts.admit(this, member.key, this.log.keyFor(this.keys) as EpochKey, isInvited);
  }

  appoint(member: Device): Statement[] {
    return acts.appoint(this, member.key);
  }

  dismiss(member: Device): Statement[] {
    return acts.dismiss(this, member.key);
  }

  remove(member: Device): Statement[] {
    return acts.remove(this, member.key);
  }

  /** What an engine does by itself after it heard something. */
  settle(): Statement[] {
    const key = this.log.keyFor(this.keys);
    return [...acts.renew(this), ...(key ? acts.carryOver(this, key) : [])];
  }

  /** What an engine does that moves to another key, with both keys at hand. @returns the same device under the next one. */
  moveOn(): Device {
    const next = this.claim();
    acts.takeOver(next);
    return next;
  }

  /** The same, but for what follows: whoever has the key can say it. */
  claim(): Device {
    const next = new Device(this.name, keyPair(), copyOf(this.log));
    next.log.addOfKeys([makeRotation(this.keys, next.keys, 1).bytes]);
    return next;
  }

  /** Somebody comes with the certificate of another one. */
  hearRevoked({ keys }: Device): Statement[] {
    return this.log.addOfKeys([makeRevocation(keys).bytes]);
  }

  hear(...statements: readonly Statement[]): void {
    this.log.add(statements.map(({ bytes }) => bytes));
  }
}

function copyOf(log: RoomLog): RoomLog {
  const copy = new RoomLog(log.origin);
  copy.add(log.statements.map(({ bytes }) => bytes));
  return copy;
}

/** Devices of one room; the first one made it. */
export function makeTeam(...names: string[]): Device[] {
  const nonce = randomBytes(32);
  const keys = names.map(() => keyPair());
  const origin = { creator: keys[0]!.publicKey, nonce };
  return names.map((name, i) => new Device(name, keys[i]!, new RoomLog(origin)));
}

/** Everybody tells everybody what they know. */
export function meet(...devices: readonly Device[]): void {
  for (const from of devices) for (const to of devices) to.hear(...from.log.statements);
}

/** The same until nobody has anything to add. */
export function settleAll(...devices: readonly Device[]): void {
  do meet(...devices);
  while (devices.flatMap((device) => device.settle()).length > 0);
}

/** What has to be the same everywhere, with names instead of keys. */
export function summary(device: Device, all: readonly Device[]): unknown {
  const named = (key: string): string => all.find((each) => each.key === key)?.name ?? key.slice(0, 8);
  const { creator, admins, members, removed, epoch } = device.view;
  return {
    creator,
    admins: admins.map(named),
    members: [...members.keys()].map(named).sort(),
    removed: [...removed.keys()].map(named).sort(),
    epoch: epoch.id,
    isGood: epoch.isGood,
  };
}
