import { noStrace } from './strace';

/** What the faults have to do without on this machine, and why. */
export function missingTools(): string | undefined {
  const strace = noStrace();
  return strace === undefined ? undefined : `faults at system calls: ${strace}`;
}
