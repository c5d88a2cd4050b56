import type { RoomLog } from './roomLog';

/** Keys remembered per room. */
const MAX_MEMBERS = 1_000;

/** A one-time code that this engine made. */
export interface Invite {
  /** 16 bytes. */
  readonly secret: Buffer;
  /** Milliseconds since 1970, by our own clock. */
  readonly expiresAt: number;
  /** The one device that came with it, hex. It may come again until the code ends, as the answer may have been lost. */
  usedBy?: string;
}

/** How the user knows that a key belongs to whom it should: compared by hand, or it came with an invite between the two. */
export type Trust = 'compared' | 'invite';

/** What this machine knows of the people of one room. It stays when the secret of the room changes. */
export class Circle {
  /** What admins signed. Unknown until a member told who made the room. */
  log: RoomLog | undefined;
  /** Keys that proved the room, and what they call themselves. */
  readonly names = new Map<string, string>();
  /** When each was last here; by our own clock, for display only. */
  readonly seenAt = new Map<string, number>();
  /** What the user calls them. Never sent. */
  readonly petnames = new Map<string, string>();
  readonly trust = new Map<string, Trust>();
  /** Removed when the room had no statements yet. */
  readonly removedBefore = new Set<string>();
  /** Keys that count no more anywhere, as far as this machine knows. */
  revoked: ReadonlySet<string> = new Set();
  invites: Invite[] = [];

  /** A member goes on under another key, and is who it was for the user. */
  follow(key: string, next: string): void {
    for (const notes of [this.names, this.seenAt, this.petnames, this.trust] as Map<string, unknown>[]) {
      const note = notes.get(key);
      if (note !== undefined && !notes.has(next)) notes.set(next, note);
      notes.delete(key);
    }
  }

  /** @returns whether that was new. */
  learn(key: string, name: string): boolean {
    this.seenAt.set(key, Date.now());
    if (this.names.get(key) === name || (!this.names.has(key) && this.names.size >= MAX_MEMBERS)) return false;
    this.names.set(key, name);
    return true;
  }
}
