import { LoraSwarmError } from '../../errors';
import type { Disposable } from '../../lifecycle';
import type { PeerBook } from '../peerBook';
import { JoinedRoom } from '../joinedRoom';
import type { RoomLink } from '../roomLink';
import type { JoinedTopic, Swarm } from '../swarm';
import type { Invite } from './circle';
import { joinKeys } from './joinCode';
import type { KeptRoom } from './keptRoom';
import type { MembersMessage } from './memberMessages';
import { RoomLog } from './roomLog';

/** Open codes of one room: each is a topic of its own on the DHT. */
const MAX_OPEN = 16;
/** A guest looks again at these times: the inviting machine may have announced itself a moment ago. */
const LOOK_AGAIN_MS = [700, 2_000, 5_000, 10_000, 20_000, 40_000];

/** What a guest was given: the statements of a room, one of which is about itself. */
export interface Welcome {
  readonly log: RoomLog;
  /** Who let it in. */
  readonly inviter: string;
}

export interface DoorsParts {
  readonly swarm: Swarm;
  readonly peers: () => PeerBook;
  readonly mayUseDht: () => boolean;
  /** Somebody came with a code of ours. @returns false when it may not come in. */
  readonly onGuest: (roomId: string, invite: Invite, link: RoomLink) => boolean;
}

interface Door {
  readonly room: JoinedRoom;
  readonly topic: JoinedTopic | undefined;
  readonly timer: NodeJS.Timeout;
}

interface Visit {
  readonly room: JoinedRoom;
  readonly isWelcome: (log: RoomLog) => boolean;
  readonly onWelcome: (welcome: Welcome) => void;
  log: RoomLog | undefined;
}

/** One-time codes: those that are open here, and those with which this engine is on its way into a room. */
export class Doors implements Disposable {
  readonly #doors = new Map<string, Door>();
  readonly #visits = new Set<Visit>();

  constructor(private readonly parts: DoorsParts) {}

  /** What peers may prove besides rooms. */
  *rooms(): Iterable<JoinedRoom> {
    for (const { room } of this.#doors.values()) yield room;
    for (const { room } of this.#visits) yield room;
  }

  /** Opens the codes of a room that are still good, and closes the others. */
  open({ entry }: KeptRoom): void {
    const { id, circle } = entry.room;
    circle.invites = circle.invites.filter(({ expiresAt }) => Date.now() < expiresAt).slice(-MAX_OPEN);
    for (const [key, { room }] of this.#doors)
      if (room.circle === circle && !circle.invites.some((invite) => keyOf(invite) === key)) this.#shut(key);
    for (const invite of circle.invites) {
      const key = keyOf(invite);
      if (this.#doors.has(key)) continue;
      const lead = { kind: 'door', invite, roomId: id } as const;
      const room = new JoinedRoom('private', `${id}+${key.slice(0, 8)}`, joinKeys(invite.secret), { lead, circle });
      const topic = this.parts.mayUseDht()
        ? this.parts.swarm.join(room.keys.topic, { server: true, client: false })
        : undefined;
      const timer = setTimeout(() => this.#shut(key), invite.expiresAt - Date.now());
      timer.unref();
      this.#doors.set(key, { room, topic, timer });
      this.parts.peers().addRoom(room);
    }
  }

  /** The room was left or switched off. */
  close({ entry }: KeptRoom): void {
    for (const [key, { room }] of this.#doors) if (room.circle === entry.room.circle) this.#shut(key);
  }

  /** A peer proved a code. */
  onLead(link: RoomLink): void {
    const { lead } = link.room;
    if (lead?.kind === 'door' && !this.parts.onGuest(lead.roomId, lead.invite, link)) link.close();
  }

  onMembers(link: RoomLink, message: MembersMessage): boolean {
    const visit = this.#visitOf(link);
    if (visit) visit.log ??= new RoomLog({ creator: message.creator, nonce: message.nonce });
    return visit !== undefined;
  }

  onMemberStatements(link: RoomLink, list: readonly Uint8Array[]): boolean {
    const visit = this.#visitOf(link);
    if (!visit?.log) return visit !== undefined;
    visit.log.add(list);
    if (visit.isWelcome(visit.log)) visit.onWelcome({ log: visit.log, inviter: link.peerKey });
    return true;
  }

  /**
   * Looks for whoever made this code, and waits to be let in.
   *
   * @throws {LoraSwarmError} `ROOM_NOT_FOUND` when nobody answers in time: a wrong code, a used one, an expired one and one of which the
   *   maker is not there all look the same.
   */
  async visit(
    secret: Buffer,
    isWelcome: (log: RoomLog) => boolean,
    { waitMs, signal }: { readonly waitMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Welcome> {
    const { swarm, peers, mayUseDht } = this.parts;
    const room = new JoinedRoom('private', `guest~${secret.toString('hex').slice(0, 8)}`, joinKeys(secret), {
      lead: { kind: 'guest' },
    });
    const timers: NodeJS.Timeout[] = [];
    let visit: Visit | undefined;
    let topic: JoinedTopic | undefined;
    let onAbort: (() => void) | undefined;
    try {
      signal?.throwIfAborted();
      return await new Promise<Welcome>((resolve, reject) => {
        visit = { room, isWelcome, onWelcome: resolve, log: undefined };
        this.#visits.add(visit);
        if (mayUseDht()) topic = swarm.join(room.keys.topic, { server: false, client: true });
        peers().addRoom(room);
        for (const ms of LOOK_AGAIN_MS) timers.push(setTimeout(() => topic?.refresh(), ms));
        timers.push(setTimeout(() => reject(roomNotFound(waitMs)), waitMs));
        onAbort = () => reject(signal?.reason as Error);
        signal?.addEventListener('abort', onAbort);
      });
    } finally {
      for (const timer of timers) clearTimeout(timer);
      if (onAbort) signal?.removeEventListener('abort', onAbort);
      if (visit) this.#visits.delete(visit);
      topic?.dispose();
      peers().leaveRoom(room);
    }
  }

  dispose(): void {
    for (const key of this.#doors.keys()) this.#shut(key);
  }

  #visitOf(link: RoomLink): Visit | undefined {
    return [...this.#visits].find(({ room }) => room === link.room);
  }

  #shut(key: string): void {
    const door = this.#doors.get(key);
    if (!door) return;
    this.#doors.delete(key);
    clearTimeout(door.timer);
    door.topic?.dispose();
    this.parts.peers().leaveRoom(door.room);
  }
}

/** The one answer to a wrong code, a used or expired one, and a room that is not there. */
export function roomNotFound(waitMs: number): LoraSwarmError {
  return new LoraSwarmError(
    'ROOM_NOT_FOUND',
    `No such room, or a wrong code: nobody answered it in ${Math.round(waitMs / 1_000)} s. Check that somebody of the room is online; ask for a new one-time code if it was used or is too old.`,
  );
}

function keyOf({ secret }: Invite): string {
  return secret.toString('hex');
}
