// What the test says to a victim, and what the victim says back, one JSON object a line.

export interface VictimOrder {
  readonly home: string;
  readonly bootstrap: readonly string[];
  readonly host: string;
  /** Adapter to fetch; absent: only lives, and shares what it shares. */
  readonly get?: string;
  /** Folder of an adapter to share in the room. */
  readonly share?: string;
  /** False: only the connection of the room, not the fast one of a network. */
  readonly lane?: boolean;
  /** Code of the room to be in. */
  readonly room?: string;
  /** Lives on after that, well or not, until it is told to end. */
  readonly stays?: boolean;
  /** How often it asks again after an error. */
  readonly retries?: number;
  /** Bytes per second; 0 is no limit. */
  readonly maxRate?: number;
  /** Number of the call that changes the disk at which it dies, half done when the number is even. */
  readonly dieAt?: number;
  /** Says how far it is, four times a second. */
  readonly isTalkative?: boolean;
  /** Counts how long nothing else could run. */
  readonly watchesLag?: boolean;
}

export type VictimWord =
  | { readonly kind: 'opened'; readonly key: string }
  | { readonly kind: 'shared'; readonly id: string }
  | {
      readonly kind: 'progress';
      readonly bytesDone: number;
      readonly phase: string;
      readonly at: number;
      readonly sources: number;
      readonly problem?: string;
    }
  /** `isOurs` when it is an error that says what to do. */
  | {
      readonly kind: 'error';
      readonly step: 'open' | 'get' | 'close';
      readonly isOurs: boolean;
      readonly code: string;
      readonly message: string;
      /** What the weights that were asked for take on the disk then. */
      readonly diskBytes: number;
    }
  | {
      readonly kind: 'got';
      readonly path: string;
      readonly resumedBytes: number;
      readonly refetchedBytes: number;
      readonly sources: number;
    }
  /** After a `fetch`: it got that, and has let it go again. */
  | { readonly kind: 'fetched'; readonly number: number }
  | ({ readonly kind: 'measured'; readonly number: number } & Measures)
  /** Most memory that it ever used, calls that change the disk, and the longest time for which nothing else could run. */
  | { readonly kind: 'closed'; readonly peakRss: number; readonly calls: number; readonly lagMs?: number };

/** What must not grow while an engine lives, without what only waits to be collected. */
export interface Measures {
  readonly rss: number;
  /** What scripts and buffers hold. */
  readonly heldBytes: number;
  /** Objects that others listen to: sockets, streams, connections. */
  readonly emitters: number;
  /** What keeps the loop of events alive. */
  readonly handles: number;
}

/** What can be said to a running victim over its standard input. */
export type VictimCommand =
  | { readonly kind: 'clock'; readonly addMs: number }
  /** Fetches an adapter and forgets it. */
  | { readonly kind: 'fetch'; readonly number: number; readonly id: string }
  | { readonly kind: 'measure'; readonly number: number }
  | { readonly kind: 'end' };
