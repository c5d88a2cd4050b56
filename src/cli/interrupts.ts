import { RELAUNCHED } from './relaunch';

/** What Ctrl-C gives an orderly close. */
const CLOSE_MS = 3000;

/**
 * A signal that fires with Ctrl-C, or when this process is told to end in another way, or when the one that started it
 * dies. After it the process has 3 s; a second Ctrl-C ends it at once.
 */
export function watchInterrupts(exitCode: number): AbortSignal {
  const abort = new AbortController();
  const interrupt = (): void => {
    if (abort.signal.aborted) process.exit(exitCode);
    setTimeout(() => process.exit(exitCode), CLOSE_MS).unref();
    abort.abort();
  };

  const isRelaunched = process.env[RELAUNCHED] !== undefined && process.channel !== undefined;
  process.on('SIGTERM', interrupt);
  process.on('SIGHUP', interrupt);
  // The terminal sends Ctrl-C to the launcher, too, which passes it on: once is enough.
  process.on('SIGINT', isRelaunched ? () => undefined : interrupt);
  if (isRelaunched) {
    process.on('message', interrupt);
    process.on('disconnect', () => {
      if (!abort.signal.aborted) interrupt();
    });
    process.channel?.unref(); // The listeners above hold it; the command shall end by itself.
  }
  // The reader of our output went away, as `head` does.
  process.stdout.on('error', () => {
    if (!abort.signal.aborted) interrupt();
  });
  return abort.signal;
}
