import { parseRate } from '../settings';
import type { RoomLimitValues } from '../store/roomStore';
import type { Clock } from '../transfer/clock';
import { RateLimit } from '../transfer/rate';
import type { Wishes } from '../wishes';
import type { EngineParts } from './parts';

/** Where the limits are kept over restarts; the store's `RoomStore` fits. */
export interface RoomLimitMemory {
  limits(room: string): RoomLimitValues;
  setLimits(room: string, values: RoomLimitValues): void;
}

type Direction = keyof RoomLimitValues;

interface RoomRates {
  readonly download: RateLimit;
  readonly upload: RateLimit;
}

const NONE: readonly RateLimit[] = [];

/**
 * What each room may take of the network. What comes from a peer, or goes to one, is charged to every room that it comes
 * or goes through, so a room never takes more than it may, whoever else is in two rooms.
 */
export class RoomLimits {
  readonly #rooms = new Map<string, RoomRates>();
  /** The same list for the same rooms: who takes from it may tell by it who is under the same limits. */
  readonly #lists = new Map<string, readonly RateLimit[]>();

  constructor(
    private readonly memory: RoomLimitMemory,
    private readonly clock?: Clock,
  ) {}

  of(room: string): RoomLimitValues {
    const { download, upload } = this.#rates(room);
    return { download: download.bytesPerSecond, upload: upload.bytesPerSecond };
  }

  /** Counts at once, also for what is running. What is not given stays. */
  set(room: string, values: Partial<RoomLimitValues>): void {
    const rates = this.#rates(room);
    const next = { ...this.of(room), ...values };
    this.memory.setLimits(room, next);
    rates.download.bytesPerSecond = next.download;
    rates.upload.bytesPerSecond = next.upload;
  }

  /** The room was left. Whoever joins it again begins without limits. */
  drop(room: string): void {
    const rates = this.#rooms.get(room);
    this.#rooms.delete(room);
    this.#lists.clear();
    rates?.download.dispose();
    rates?.upload.dispose();
  }

  /** Limits of what comes from a peer that offers it in these rooms. */
  downloads(rooms: readonly string[]): readonly RateLimit[] {
    return this.#list('download', rooms);
  }

  /** Limits of what goes to a peer that may have it because of these rooms. */
  uploads(rooms: readonly string[]): readonly RateLimit[] {
    return this.#list('upload', rooms);
  }

  dispose(): void {
    for (const room of [...this.#rooms.keys()]) this.drop(room);
  }

  #list(direction: Direction, rooms: readonly string[]): readonly RateLimit[] {
    if (rooms.length === 0) return NONE;
    const key = [direction, ...[...rooms].sort()].join(' ');
    const known = this.#lists.get(key);
    if (known) return known;
    const list = rooms.map((room) => this.#rates(room)[direction]);
    this.#lists.set(key, list);
    return list;
  }

  #rates(room: string): RoomRates {
    const known = this.#rooms.get(room);
    if (known) return known;
    const { download, upload } = this.memory.limits(room);
    const rates = { download: new RateLimit(download, this.clock), upload: new RateLimit(upload, this.clock) };
    this.#rooms.set(room, rates);
    return rates;
  }
}

/** @returns the id of the room. @throws {LoraSwarmError} `ROOM_UNKNOWN`, `SETTING_INVALID` */
export function setRoomLimits(
  { rooms, roomLimits }: Pick<EngineParts, 'rooms'> & { readonly roomLimits: RoomLimits },
  { room, download, upload }: Wishes['setRoomLimits']['params'],
): string {
  const [id] = rooms.resolve([room]) as [string];
  roomLimits.set(id, {
    ...(download === undefined ? {} : { download: parseRate(download) }),
    ...(upload === undefined ? {} : { upload: parseRate(upload) }),
  });
  return id;
}
