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
  /** Most memory that it ever used, and calls that change the disk. */
  | { readonly kind: 'closed'; readonly peakRss: number; readonly calls: number };

/** What can be said to a running victim over its standard input. */
export type VictimCommand = { readonly kind: 'clock'; readonly addMs: number } | { readonly kind: 'end' };
