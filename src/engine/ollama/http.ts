import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LoraSwarmError } from '../errors';

/** An address that drops packets would hold every call for minutes. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Longest line of a stream. The last line of a generation holds the context: 131,072 tokens of 7 characters. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;
/** Enough of an error's text to understand it. */
const MAX_TEXT = 300;

/** What Ollama said no with. Travels as `cause`; `status` is 200 when it came as a line of a stream that had begun. */
export class OllamaAnswer extends Error {
  override readonly name = 'OllamaAnswer';

  constructor(
    readonly status: number,
    readonly text: string,
  ) {
    super(`HTTP ${status}: ${text}`);
  }
}

/** The answer behind an error of the client, if there was one. */
export function answerOf(error: unknown): OllamaAnswer | undefined {
  return error instanceof LoraSwarmError && error.cause instanceof OllamaAnswer ? error.cause : undefined;
}

export interface Call {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE';
  readonly path: string;
  readonly json?: unknown;
  readonly body?: { readonly stream: Readable; readonly bytes: number };
  /** No byte either way for this long ends the call. */
  readonly idleMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One request. `node:http` instead of `fetch`, whose header timeout of 300 s ends the load of a big model.
 *
 * Proxy variables are ignored and no connection is kept: an agent of its own, for one request, has neither.
 *
 * @throws {LoraSwarmError} `OLLAMA_UNREACHABLE` when nobody answers, `OLLAMA_FAILED` when the connection ends early.
 */
export async function send(url: string, call: Call): Promise<http.IncomingMessage> {
  call.signal?.throwIfAborted();
  const json = call.json === undefined ? undefined : Buffer.from(JSON.stringify(call.json));
  const headers: http.OutgoingHttpHeaders = json
    ? { 'content-type': 'application/json', 'content-length': json.byteLength }
    : call.body
      ? { 'content-type': 'application/octet-stream', 'content-length': call.body.bytes }
      : {};
  const options = { method: call.method, headers, agent: false, signal: call.signal, timeout: call.idleMs };
  const target = new URL(url);
  const request =
    target.protocol === 'https:'
      ? https.request(new URL(call.path, url), options)
      : http.request(new URL(call.path, url), options);

  const connection = watchConnection(request);
  try {
    return await new Promise<http.IncomingMessage>((resolve, reject) => {
      request.on('response', resolve);
      request.on('error', reject);
      if (call.body) pipeline(call.body.stream, request).catch(reject);
      else request.end(json);
    });
  } catch (error) {
    call.signal?.throwIfAborted();
    // A file that can't be read is no failure of Ollama.
    if (isFileError(error)) throw error;
    throw connection.isMade ? connectionEnded(error) : unreachable(url, error);
  }
}

/** Reads a whole answer. @throws {LoraSwarmError} `OLLAMA_FAILED` over the limit or when the connection ends early. */
export async function readBody(
  response: http.IncomingMessage,
  limitBytes: number,
  signal?: AbortSignal,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of chunksOf(response, signal)) {
    bytes += part.byteLength;
    if (bytes > limitBytes) throw new LoraSwarmError('OLLAMA_FAILED', 'Ollama sent an answer that is too large.');
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The JSON objects of an `application/x-ndjson` answer, as they arrive. Cut at newlines, not at packets. */
export async function* readLines(
  response: http.IncomingMessage,
  signal?: AbortSignal,
): AsyncGenerator<Record<string, unknown>> {
  let pending: Buffer[] = [];
  let bytes = 0;
  for await (const part of chunksOf(response, signal)) {
    let from = 0;
    for (let at = part.indexOf(10); at >= 0; at = part.indexOf(10, from)) {
      yield* parseLine([...pending, part.subarray(from, at)]);
      pending = [];
      bytes = 0;
      from = at + 1;
    }
    pending.push(part.subarray(from));
    bytes += part.byteLength - from;
    if (bytes > MAX_LINE_BYTES) throw new LoraSwarmError('OLLAMA_FAILED', 'Ollama sent a line that is too long.');
  }
  yield* parseLine(pending);
}

/** @throws {LoraSwarmError} `OLLAMA_FAILED` when it is no JSON object: another program may listen there. */
export function parseObject(bytes: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw notOllama(error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notOllama(value);
  return value as Record<string, unknown>;
}

/** The error of an answer with a status over 299, from its body. */
export async function refusal(response: http.IncomingMessage, signal?: AbortSignal): Promise<LoraSwarmError> {
  const body = (await readBody(response, 64 * 1024, signal)).toString('utf8');
  return refused(response.statusCode ?? 0, errorText(body));
}

/** The error for what Ollama says inside a stream, where HTTP had already said 200. */
export function refusedInStream(text: string): LoraSwarmError {
  const answer = new OllamaAnswer(200, plain(text));
  if (isDiskFull(text)) return diskFull(answer);
  return new LoraSwarmError('OLLAMA_FAILED', `Ollama stopped: ${answer.text}`, { kind: 'retry' }, { cause: answer });
}

/** The connection ended before the answer did. */
export function connectionEnded(cause: unknown): LoraSwarmError {
  return new LoraSwarmError(
    'OLLAMA_FAILED',
    'Ollama ended the connection before it was done. Look whether it still runs, then try again.',
    { kind: 'retry' },
    { cause },
  );
}

/** Server text for a message: one line, no control characters, not long. */
export function plain(text: string): string {
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ').trim();
  return line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT)}…` : line;
}

async function* chunksOf(response: http.IncomingMessage, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  try {
    for await (const part of response) yield part as Buffer;
  } catch (error) {
    signal?.throwIfAborted();
    throw connectionEnded(error);
  } finally {
    response.destroy(); // The reader may leave early; Ollama then stops generating.
  }
}

function* parseLine(parts: Buffer[]): Generator<Record<string, unknown>> {
  const line = Buffer.concat(parts);
  if (line.toString('utf8').trim() !== '') yield parseObject(line);
}

/** Ends a request that finds nobody in time, and tells whether it ever found somebody. */
function watchConnection(request: http.ClientRequest): { readonly isMade: boolean } {
  const connection = { isMade: false };
  const timer = setTimeout(() => request.destroy(new Error('no connection in time')), CONNECT_TIMEOUT_MS);
  request.on('socket', (socket) => {
    const done = (): void => {
      clearTimeout(timer);
      connection.isMade = true;
    };
    if (socket.connecting) socket.once('connect', done);
    else done();
  });
  request.on('timeout', () => request.destroy(new Error('no answer in time')));
  request.on('close', () => clearTimeout(timer));
  return connection;
}

function refused(status: number, text: string): LoraSwarmError {
  const options = { cause: new OllamaAnswer(status, text) };
  if (isDiskFull(text)) return diskFull(options.cause);
  if (status === 404 && /model .* not found/.test(text))
    return new LoraSwarmError('OLLAMA_MODEL_UNKNOWN', `Not in Ollama: ${text}.`, undefined, options);
  if (status >= 500) return new LoraSwarmError('OLLAMA_FAILED', `Ollama failed: ${text}`, { kind: 'retry' }, options);
  return new LoraSwarmError('OLLAMA_REFUSED', `Ollama refused (${status}): ${text}`, undefined, options);
}

/** `ENOSPC` and `ERROR_DISK_FULL` in Go's words. */
function isDiskFull(text: string): boolean {
  return /no space left on device|not enough space on the disk|disk quota exceeded/i.test(text);
}

function diskFull(cause: OllamaAnswer): LoraSwarmError {
  return new LoraSwarmError(
    'OLLAMA_FAILED',
    `The disk of Ollama is full (${cause.text}). Free some space, then try again: nothing was changed.`,
    { kind: 'retry' },
    { cause },
  );
}

function errorText(body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    if (typeof error === 'string') return plain(error);
  } catch {
    // Not JSON: an older Ollama, a proxy, or another program. Its text says more than nothing.
  }
  return plain(body);
}

function unreachable(url: string, cause: unknown): LoraSwarmError {
  return new LoraSwarmError(
    'OLLAMA_UNREACHABLE',
    `Ollama does not answer at ${url}. Start it, or change the address.`,
    { kind: 'openSetting', key: 'ollama.url' },
    { cause },
  );
}

function notOllama(cause: unknown): LoraSwarmError {
  return new LoraSwarmError(
    'OLLAMA_FAILED',
    'What answers at the address of Ollama does not speak like Ollama. Check the address.',
    { kind: 'openSetting', key: 'ollama.url' },
    { cause },
  );
}

function isFileError(error: unknown): boolean {
  return (
    error instanceof Error && 'syscall' in error && /^(open|read|fstat)$/.test(String(error.syscall)) && !isReset(error)
  );
}

/** A socket that is reset also fails in `read`. */
function isReset(error: Error): boolean {
  return 'code' in error && error.code === 'ECONNRESET';
}
