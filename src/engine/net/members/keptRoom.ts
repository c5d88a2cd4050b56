import type { BookEntry } from '../roomBook';
import type { JoinedRoom } from '../joinedRoom';

/** A joined room, as far as who belongs to it matters. */
export interface KeptRoom {
  readonly entry: BookEntry;
  readonly label: string;
  /** Absent while it is switched off. */
  readonly active: { readonly room: JoinedRoom; readonly retired: readonly JoinedRoom[] } | undefined;
}

/** What the keeper of members asks of whoever keeps the rooms. */
export interface RoomHost<K extends KeptRoom> {
  list(): Iterable<K>;
  /** Writes it to the disk. */
  remember(room: K): void;
  /** Nobody talks to us there any more: the room is switched off, and stays in the list. */
  rest(room: K): void;
  /** The room has another secret now. */
  move(room: K, entry: BookEntry): void;
}
