/** Runs what a peer set off. @returns whether it went through. */
export type Guard = (work: () => void) => boolean;

/**
 * Makes the one place where what goes wrong for a peer ends with that peer: a timer, the end of a stream and a message have
 * nobody above them who could catch it, and the process would end.
 */
export function makeGuard(onError: (error: Error) => void): Guard {
  return (work) => {
    try {
      work();
      return true;
    } catch (error) {
      onError(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  };
}
