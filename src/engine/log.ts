import { MAX_LOG_ENTRY } from './limits';
import { plainLines } from './plainText';

/**
 * Where the engine writes what it does. A `vscode.LogOutputChannel` fits as it is.
 *
 * `info` what the user did, `debug` what peers did, `trace` each message, `warn` when we went on without something,
 * `error` once, where it is handled. No secrets. What others wrote is made plain by `plainLog`.
 */
export interface Logger {
  trace(message: string): void;
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export const silentLog: Logger = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** A log in which nothing that others wrote is obeyed by the terminal or the editor that shows it. */
export function plainLog(log: Logger): Logger {
  // Further lines are indented, so that nobody's text looks like an entry of its own.
  const plain = (message: string): string => plainLines(message, MAX_LOG_ENTRY).replaceAll('\n', '\n  ');
  return {
    trace: (message) => log.trace(plain(message)),
    debug: (message) => log.debug(plain(message)),
    info: (message) => log.info(plain(message)),
    warn: (message) => log.warn(plain(message)),
    error: (message) => log.error(plain(message)),
  };
}
