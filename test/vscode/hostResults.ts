/** What mocha inside the extension host hands out through a file. */
export interface HostResults {
  readonly tests: readonly HostTest[];
  /** Process id of the extension host. */
  readonly pid: number;
}

export interface HostTest {
  readonly title: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  /** Message and stack. */
  readonly error?: string;
}

/** Names the results file for the extension host. */
export const RESULTS_VARIABLE = 'LORA_SWARM_TEST_RESULTS';
/** Runs only the tests whose title matches. */
export const GREP_VARIABLE = 'LORA_SWARM_TEST_GREP';
/** A `TestPeer` as JSON. */
export const PEER_VARIABLE = 'LORA_SWARM_TEST_PEER';
