import { EngineSide } from '../peers/engineSide';
import { makeWalk } from '../peers/makeWalk';
import { walk } from '../peers/walk';
import type { Target } from '../target';

/** Of one engine: after some, nobody who is not known is let in for a minute. */
const WALKS = 100;

/** A peer that says anything in any order: before it proved a room, after it closed one, twice. */
function walks(name: string, aim: 'rooms' | 'transfers'): Target {
  return {
    name,
    least: 400, // Steps of walks, of some ten each.
    open: async (scratch) => {
      let side = await EngineSide.open(scratch);
      let count = 0;
      return {
        make: (random) => makeWalk(side, random, aim),
        take: async (input) => {
          if (++count % WALKS === 0) {
            await side.close();
            side = await EngineSide.open(scratch);
          }
          return await walk(side, input);
        },
        close: () => side.close(),
      };
    },
  };
}

export const roomWalks = walks('walks in rooms', 'rooms');
export const transferWalks = walks('walks of transfers', 'transfers');
