import type { EngineParts } from './parts';
import type { Offers } from './offers';
import type { RoomLimits } from './roomLimits';

type LeaveParts = Pick<EngineParts, 'rooms' | 'registry' | 'catalog'> & {
  readonly roomLimits: RoomLimits;
  readonly offers: Offers;
};

/** Leaves a room, with all that was offered there. @returns its id. @throws {LoraSwarmError} `ROOM_UNKNOWN` */
export function leaveRoom({ rooms, registry, catalog, roomLimits, offers }: LeaveParts, name: string): string {
  const id = rooms.leave(name);
  catalog.dropRoom(id);
  roomLimits.drop(id);
  offers.dropRoom(id);
  // Left is left: who joins again later chooses anew what to offer there.
  for (const shared of registry.list())
    if (shared.rooms.includes(id))
      registry.setRooms(
        shared.id,
        shared.rooms.filter((room) => room !== id),
      );
  return id;
}
