/** How the tests of a run ended. */
export interface Counts {
  passed: number;
  failed: number;
  /** Full titles of tests that did not run. */
  skipped: string[];
}
