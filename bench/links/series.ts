import type { Sample } from './peers/linkPeer';

/** Bytes that were there at a time, between two samples on the line from one to the other. */
export function bytesAt(samples: readonly Sample[], at: number): number {
  const next = samples.findIndex((sample) => sample.at >= at);
  if (next === 0) return samples[0]!.bytes;
  const after = samples[next];
  const before = samples.at(next - 1);
  if (!before) return 0;
  if (!after) return before.bytes;
  return before.bytes + ((after.bytes - before.bytes) * (at - before.at)) / (after.at - before.at);
}

/** Bytes per second from one time to another. */
export function rateBetween(samples: readonly Sample[], from: number, to: number): number {
  return ((bytesAt(samples, to) - bytesAt(samples, from)) * 1_000) / (to - from);
}

/** When the first bytes had come. */
export function firstAt(samples: readonly Sample[]): number {
  return samples.find(({ bytes }) => bytes > 0)?.at ?? Infinity;
}
