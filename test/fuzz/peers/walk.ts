import assert from 'node:assert/strict';
import { identityKeys } from '../../../src/engine/release/release';
import { connectionOn } from '../../helpers/memoryPeers';
import { memoryStreams } from '../../helpers/memoryStreams';
import { costSince, started } from '../../helpers/processorTime';
import { Random } from '../random';
import type { Taken } from '../target';
import type { EngineSide } from './engineSide';
import { HostileSide } from './hostileSide';
import { decodeSteps, say } from './steps';

/** A new key and address for each, so that what one did is not held against the next. */
let walks = 0;

/**
 * Lets one peer take its steps against an engine, on a connection of its own. The first byte says who dialled, and whether the
 * engine had looked for the peer.
 */
export async function walk(side: EngineSide, input: Uint8Array): Promise<Taken> {
  const [how = 0] = input;
  const random = new Random(walks++, 1);
  const host = `10.${1 + random.below(250)}.${random.below(256)}.${random.below(256)}`;
  const hasDialled = how % 2 === 0;
  const keys = [identityKeys(), side.keys] as const;
  const { streams, inject } = await memoryStreams(
    hasDialled ? { keys, hosts: [host, '127.0.0.1'] } : { keys: [keys[1], keys[0]], hosts: ['127.0.0.1', host] },
  );
  const [theirs, ours] = hasDialled ? streams : [streams[1], streams[0]];
  const topics = how & 2 ? side.known.map((room) => room.keys.topic) : [];
  side.enter(connectionOn(ours, topics));
  const hostile = new HostileSide(theirs, side.known);
  const gone = new Promise((resolve) => ours.once('close', resolve));

  let count = 0;
  let slowestMs = 0;
  for (const step of decodeSteps(input.subarray(1))) {
    const since = started();
    if (step.name === 'end') theirs.destroy();
    else if (step.name === 'user') side.act(step.content[0] ?? 0);
    else if (step.name === 'wire') inject(step.content);
    else say(hostile, step);
    // There, read, and answered; a wait gives timers and disks a chance.
    for (let turns = step.name === 'wait' ? 4 + ((step.content[0] ?? 0) % 8) : 2; turns > 0; turns--)
      await new Promise((resolve) => setImmediate(resolve));
    slowestMs = Math.max(slowestMs, costSince(since));
    count++;
    if (ours.destroyed) break;
  }
  const verdict = ours.destroyed ? 'refused' : 'accepted';
  theirs.destroy();
  await gone;
  assert.equal(side.rooms.peers.get(keys[0].publicKey.toString('hex')), undefined, 'a peer that is gone is kept');
  return { verdict, count: Math.max(1, count), slowestMs };
}
