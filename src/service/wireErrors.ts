import { inspect } from 'node:util';
import { ResponseError } from 'vscode-jsonrpc/node';
import { type ErrorCode, isAbort, LoraSwarmError, type UserAction } from '../engine/errors';
import type { Logger } from '../engine/log';

/** An error on its way between threads or processes. Stacks and causes stay in the log of the engine. */
export type WireError =
  | { readonly kind: 'expected'; readonly code: ErrorCode; readonly message: string; readonly action?: UserAction }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'unexpected' };

/** In the range that JSON-RPC leaves to applications; what happened is in the data. */
const WISH_FAILED = 1;

const UNEXPECTED = 'Something went wrong in LoRA Swarm. The log has the details.';

/** Makes an error ready to leave. One that we did not foresee is logged here and its text stays here: it may hold paths. */
export function toWireError(error: unknown, log: Logger): WireError {
  if (isAbort(error)) return { kind: 'cancelled' };
  if (error instanceof LoraSwarmError) {
    const { code, message, action } = error;
    if (error.cause !== undefined) log.debug(`${code}: ${inspect(error.cause)}`);
    return { kind: 'expected', code, message, ...(action ? { action } : {}) };
  }
  log.error(inspect(error));
  return { kind: 'unexpected' };
}

/** The same as a JSON-RPC answer. */
export function toResponseError(error: unknown, log: Logger): ResponseError<WireError> {
  const data = toWireError(error, log);
  return new ResponseError(WISH_FAILED, data.kind === 'expected' ? data.message : data.kind, data);
}

/** Back to the error that the engine threw. Undefined when the engine did not answer with one of its errors. */
export function fromResponseError(error: unknown): Error | undefined {
  return error instanceof ResponseError && error.code === WISH_FAILED ? fromWireError(error.data) : undefined;
}

export function fromWireError(value: unknown): Error {
  const { kind, code, message, action } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  if (kind === 'cancelled') return abortError();
  if (kind === 'expected' && typeof code === 'string' && typeof message === 'string')
    // A newer engine may have codes that we do not know: they are shown and printed all the same.
    return new LoraSwarmError(code as ErrorCode, message, action as UserAction | undefined);
  return new Error(UNEXPECTED);
}

export function abortError(): Error {
  return new DOMException('This was cancelled.', 'AbortError');
}
