import { NotificationType, ProgressType, RequestType } from 'vscode-jsonrpc/node';
import { version } from '../../package.json';
import { LoraSwarmError } from '../engine/errors';
import type { EngineState } from '../engine/state';
import type { EngineEvent, WishName, WishProgress } from '../engine/wishes';
import type { WireError } from './wireErrors';

/** Raised when a shell of the one version would misread an engine of the other. New wishes alone do not raise it. */
export const PROTOCOL_VERSION = 1;

export const PRODUCT_VERSION: string = version;

/** 4 states, and 4 progress messages of a wish, a second: more than an eye can use is work for nothing. */
export const UPDATE_INTERVAL_MS = 250;

export interface WishParams {
  readonly name: WishName;
  readonly params: unknown;
  /** Names the progress messages of this wish. Absent: the caller does not listen. */
  readonly progress?: number;
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
}

export const wishRequest = new RequestType<WishParams, unknown, WireError>('wish');
export const wishProgress = new ProgressType<WishProgress>();
export const stateNotification = new NotificationType<EngineState>('state');
export const eventNotification = new NotificationType<EngineEvent>('event');
export const logNotification = new NotificationType<LogLine>('log');

/**
 * Every wish, and whether asking it again is safe when the engine died before it answered. `again`: it reads, or what
 * it does is the same done twice. `get` is among them because a download goes on from its journal.
 */
const AFTER_ENGINE_LOSS: Readonly<Record<WishName, 'again' | 'fail'>> = {
  state: 'again',
  inspect: 'again',
  verdict: 'again',
  planInstall: 'again',
  mergeAdapters: 'fail',
  planMergeIntoBase: 'again',
  mergeIntoBase: 'fail',
  compare: 'fail',
  ollamaAdapters: 'again',
  convert: 'fail',
  share: 'fail',
  unshare: 'fail',
  list: 'again',
  adapter: 'again',
  get: 'again',
  transfer: 'again',
  pause: 'again',
  resume: 'again',
  cancel: 'again',
  moveDownload: 'again',
  forget: 'fail',
  library: 'again',
  install: 'fail',
  uninstall: 'fail',
  models: 'again',
  find: 'again',
  rooms: 'again',
  joinRoom: 'again',
  createRoom: 'fail',
  leaveRoom: 'fail',
  setRoomLimits: 'again',
  roomInvite: 'again',
  roomInviteOnce: 'fail',
  cancelInvites: 'again',
  roomMembers: 'again',
  removeMember: 'fail',
  setRoomAdmin: 'again',
  renameMember: 'again',
  verifyMember: 'again',
  peers: 'again',
  identity: 'again',
  backUpIdentity: 'fail',
  restoreIdentity: 'fail',
  rotateIdentity: 'fail',
  exportRevocation: 'fail',
  revokeKey: 'again',
  doctor: 'again',
  settings: 'again',
  setSetting: 'again',
};

/** Whether a wish may be asked of the next engine when the one that had it is gone. */
export function isRepeatable(name: WishName): boolean {
  return AFTER_ENGINE_LOSS[name] === 'again';
}

/**
 * Checks the envelope of a wish. What `params` holds is checked by the engine, which knows each wish.
 *
 * @throws {LoraSwarmError} `MESSAGE_INVALID`, or `ENGINE_VERSION` for a wish that only a newer engine knows.
 */
export function parseWishParams(value: unknown): WishParams {
  const { name, params, progress } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  if (typeof name !== 'string' || name.length > 40) throw messageInvalid('it has no name');
  if (!Object.hasOwn(AFTER_ENGINE_LOSS, name))
    throw new LoraSwarmError(
      'ENGINE_VERSION',
      'The running engine does not know this command. Reload the window that runs it, or end that terminal.',
    );
  if (typeof params !== 'object' || params === null || Array.isArray(params))
    throw messageInvalid('its parameters are no object');
  if (progress !== undefined && !Number.isSafeInteger(progress)) throw messageInvalid('its progress is no number');
  return {
    name: name as WishName,
    params,
    ...(progress === undefined ? {} : { progress: progress as number }),
  };
}

function messageInvalid(reason: string): LoraSwarmError {
  return new LoraSwarmError('MESSAGE_INVALID', `The engine cannot read this request: ${reason}.`);
}
