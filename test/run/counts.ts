/** How the tests of a run ended. */
export interface Counts {
  passed: number;
  failed: FailedTest[];
  /** Full titles of tests that did not run. */
  skipped: string[];
}

export interface FailedTest {
  /** Full title. */
  readonly title: string;
  /** The beginning of its error, as one line. */
  readonly why: string;
}
