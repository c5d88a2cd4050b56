export interface BenchOptions {
  /** Bytes of the adapter that is carried. */
  readonly size: number;
  /** How often it is carried; the median run counts. */
  readonly runs: number;
  /** How often two engines meet. */
  readonly samples: number;
  /** Tells whoever waits what is going on. */
  readonly say: (line: string) => void;
}
