import { Emitter } from '../events';
import type { RoomKind } from '../state';
import { CatalogFeed } from './catalogFeed';
import { Circle, type Invite } from './members/circle';
import { epochSecret, type RoomOrigin } from './members/epochSecret';
import { RoomLog } from './members/roomLog';
import type { MembersMessage } from './members/memberMessages';
import type { Rekey } from './messages';
import type { RoomKeys } from './roomKeys';

/** What a secret that is not that of a room leads to. Nothing but the way is told to who proves it. */
export type Lead =
  /** An old secret of a room from before it had statements. */
  | { readonly kind: 'rekey'; readonly message: Rekey }
  /** An old secret of a room: members that were away get the statements, and who was removed the one that says so. */
  | { readonly kind: 'epoch'; readonly nonce: Buffer | undefined }
  /** A one-time code that we made. */
  | { readonly kind: 'door'; readonly invite: Invite; readonly roomId: string }
  /** A one-time code that we were given. */
  | { readonly kind: 'guest' };

export interface RoomOptions {
  /** Private rooms only, 16 bytes. */
  readonly secret?: Buffer | undefined;
  /** What its secret is made of, when it is not the room's first one. */
  readonly epochNonce?: Buffer | undefined;
  readonly circle?: Circle | undefined;
  /** Set when this is not where the room is now. */
  readonly lead?: Lead | undefined;
}

/** One room as this engine takes part in it: its keys, what we offer in it and, in a private one, who belongs to it. */
export class JoinedRoom {
  readonly feed = new CatalogFeed();
  readonly #changed = new Emitter<void>();
  /** Members or owner changed, so the room has to be remembered anew. */
  readonly onDidChange = this.#changed.event;
  readonly circle: Circle;
  readonly secret: Buffer | undefined;
  readonly lead: Lead | undefined;
  /** Keys that proved this very secret since the start. */
  readonly proven = new Set<string>();
  epochNonce: Buffer | undefined;

  constructor(
    readonly kind: RoomKind,
    /** Names the room on this machine and stays when the secret changes. Never sent. */
    readonly id: string,
    readonly keys: RoomKeys,
    { secret, epochNonce, circle = new Circle(), lead }: RoomOptions = {},
  ) {
    this.secret = secret;
    this.epochNonce = epochNonce;
    this.circle = circle;
    this.lead = lead;
  }

  get members(): ReadonlyMap<string, string> {
    return this.circle.names;
  }

  /** A peer proved that it knows the secret. */
  learnMember(key: string, name: string): void {
    if (this.kind !== 'private' || this.lead) return;
    const isNew = !this.proven.has(key);
    this.proven.add(key);
    if (this.circle.learn(key, name) || isNew) this.#changed.fire();
  }

  /** A member says who made the room. Believed when the secret really is a hash over that. @returns whether it is so. */
  learnOrigin(origin: RoomOrigin, epochNonce: Buffer | undefined): boolean {
    const { circle } = this;
    if (!this.secret?.equals(epochSecret(origin, epochNonce))) return false;
    if (circle.log) return true;
    circle.log = new RoomLog({ creator: Buffer.from(origin.creator), nonce: Buffer.from(origin.nonce) });
    this.epochNonce = epochNonce && Buffer.from(epochNonce);
    this.#changed.fire();
    return true;
  }

  isOwnedBy(key: Uint8Array): boolean {
    return this.circle.log?.view.creator === Buffer.from(key).toString('hex');
  }

  /** Whether a peer that proves the secret is let in at all. Who is not sees what anybody sees who proves nothing. */
  mayEnter(key: string): boolean {
    if (this.kind !== 'private') return true;
    const { log, names, removedBefore, revoked } = this.circle;
    if (revoked.has(key) && this.lead?.kind !== 'epoch') return false;
    switch (this.lead?.kind) {
      case 'guest':
        return true;
      case 'door': {
        const { expiresAt, usedBy } = this.lead.invite;
        if (Date.now() >= expiresAt) return false;
        // An unused code also lets in who was removed before: somebody chose that. A used one does not do it again.
        return usedBy === undefined || (usedBy === key && !log?.view.removed.has(key));
      }
      case 'rekey':
        return names.has(key) && !removedBefore.has(key) && !log?.view.removed.has(key);
      case 'epoch':
        // Who is out hears that, and nothing else.
        return log !== undefined && (log.view.members.has(key) || log.view.removed.has(key));
      case undefined: {
        if (!log) return true;
        const { removed, epoch, members } = log.view;
        return !removed.has(key) && (epoch.isGood || members.has(key));
      }
    }
  }

  /** Whether who proves this old secret will be in the present room in a moment. */
  leadsOn(key: string): boolean {
    if (this.lead?.kind === 'rekey') return true;
    return this.lead?.kind === 'epoch' && this.circle.log?.view.members.has(key) === true;
  }

  /** What a member is told of the room's statements: enough to check who made the room, and whether it lacks any. */
  introduction(): MembersMessage | undefined {
    const { log } = this.circle;
    if (!log) return undefined;
    const epochNonce = this.lead?.kind === 'epoch' ? this.lead.nonce : this.epochNonce;
    return { ...log.origin, ...(epochNonce ? { epochNonce } : {}), digest: log.digest };
  }
}
