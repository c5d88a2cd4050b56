/**
 * Where the engine writes what it does. A `vscode.LogOutputChannel` fits as it is.
 *
 * `info` what the user did, `debug` what peers did, `trace` each message, `warn` when we went on without something,
 * `error` once, where it is handled. No secrets, and peer text only through `plainText`.
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
