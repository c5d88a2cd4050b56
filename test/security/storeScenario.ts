// What the killed process does and the test expects.
import { makePackage, type TestPackage } from '../helpers/packages';

/** A step that the process had done when it was killed. */
export type Done =
  | { readonly kind: 'setting' | 'room' | 'shared' | 'discarded' | 'finished' }
  | { readonly kind: 'chunks'; readonly first: number; readonly count: number }
  | { readonly kind: 'calls'; readonly calls: number };

export const wantedPackage = (): Promise<TestPackage> => makePackage({ weights: 1_000_000, card: 0, seed: 1 });
export const cancelledPackage = (): Promise<TestPackage> => makePackage({ weights: 300_000, card: 0, seed: 2 });
export const sharedPackage = (): Promise<TestPackage> => makePackage({ weights: 100_000, card: 0, seed: 3 });

export const kept = {
  displayName: 'Ana',
  room: { id: '00ff00ff00ff00ff', kind: 'private', label: 'Lab', isJoined: true, data: { secret: 'ab', epoch: 3 } },
} as const;
