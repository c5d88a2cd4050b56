import type { RoomState } from '../../state';

/** Why nobody of a room talks to us any more, and what to do: for the terminal and the doctor. */
export const ENDED: Readonly<
  Record<NonNullable<RoomState['ended']>, { readonly detail: string; readonly fix: string }>
> = {
  removed: {
    detail: 'You were removed from this room. What you have of it stays with you.',
    fix: 'Ask an admin of the room for a one-time code, or leave the room.',
  },
  moved: {
    detail: 'Your key moved on to another one, which has your place in this room.',
    fix: 'Use the machine that has the new key, or restore its backup here.',
  },
  revoked: {
    detail: 'Your key, or one that you had before, was revoked, so it is in no room any more.',
    fix: 'Take a new key with "identity rotate", then ask an admin of the room for a one-time code.',
  },
  over: {
    detail: 'The key of who created this room was revoked, so nobody can say any more who belongs to it.',
    fix: 'Create a new room and invite the others.',
  },
};
