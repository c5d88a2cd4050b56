/** What failed, for branching and for scripts. Kept stable: the CLI prints it and other programs read it. */
export type ErrorCode =
  // adapter files
  | 'ADAPTER_NOT_FOUND'
  | 'ADAPTER_UNREADABLE'
  | 'ADAPTER_PICKLE'
  | 'ADAPTER_CONFIG_MISSING'
  | 'ADAPTER_CONFIG_INVALID'
  | 'ADAPTER_CONTRADICTION'
  | 'ADAPTER_UNSUPPORTED'
  | 'ADAPTER_TOO_LARGE'
  | 'BASE_UNKNOWN'
  | 'BASE_MISSING'
  | 'BASE_UNFIT'
  | 'CONVERT_UNSUPPORTED'
  | 'MERGE_UNSUPPORTED'
  // packages and releases
  | 'MANIFEST_INVALID'
  | 'RELEASE_INVALID'
  | 'ID_UNKNOWN'
  | 'ID_AMBIGUOUS'
  // storage
  | 'STORE_CORRUPT'
  | 'STORE_FULL'
  | 'STORE_READ_ONLY'
  | 'STORE_FAILED'
  | 'STORE_VERSION'
  | 'IDENTITY_ELSEWHERE'
  | 'IDENTITY_EXISTS'
  | 'BACKUP_INVALID'
  | 'BACKUP_PASSPHRASE'
  | 'STATEMENT_INVALID'
  | 'SOURCE_CHANGED'
  | 'SOURCE_MISSING'
  // rooms and peers
  | 'ROOM_CODE_INVALID'
  | 'ROOM_UNKNOWN'
  | 'ROOM_NOT_FOUND'
  | 'ROOM_NOT_OWNER'
  | 'PEER_UNKNOWN'
  | 'MESSAGE_INVALID'
  | 'CONFIRM_NEEDED'
  // transfer
  | 'NO_SOURCES'
  | 'DOWNLOAD_CORRUPT'
  | 'DOWNLOAD_CANCELLED'
  // Ollama
  | 'OLLAMA_UNREACHABLE'
  | 'OLLAMA_REFUSED'
  | 'OLLAMA_TOO_OLD'
  | 'OLLAMA_MODEL_EXISTS'
  | 'OLLAMA_MODEL_UNKNOWN'
  | 'OLLAMA_NOT_OURS'
  | 'OLLAMA_ROUTE_UNAVAILABLE'
  | 'OLLAMA_FAILED'
  // engine, settings, command line
  | 'ENGINE_UNREACHABLE'
  | 'ENGINE_VERSION'
  | 'ENGINE_CLOSED'
  | 'NETWORK_OFF'
  | 'NETWORK_METERED'
  | 'SETTING_INVALID'
  | 'NODE_TOO_OLD'
  | 'DEMO_FAILED'
  | 'USAGE';

/** What the user can do next. Plain data: the UI makes it a button, the CLI a line of text. */
export type UserAction =
  | { readonly kind: 'openSetting'; readonly key: string }
  | { readonly kind: 'openUrl'; readonly url: string }
  | { readonly kind: 'pullModel'; readonly model: string }
  | { readonly kind: 'retry' };

/** Every failure we expect. `message` is for the user: what happened, what to do. `cause` is for the log. */
export class LoraSwarmError extends Error {
  override readonly name = 'LoraSwarmError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly action?: UserAction,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Whether `error` is ours and has one of these codes. */
export function hasCode(error: unknown, ...codes: ErrorCode[]): error is LoraSwarmError {
  return error instanceof LoraSwarmError && codes.includes(error.code);
}

/** Whether the user cancelled. There is nothing to show then. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

/** Turns a failed file operation into an error that says what to do; anything unknown passes as it is. */
export function storageError(error: unknown, path: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const options = { cause: error };
  const setting = { kind: 'openSetting', key: 'storage.path' } as const;
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new LoraSwarmError(
        'STORE_FULL',
        `The disk of ${path} is full. Free some space, then resume.`,
        setting,
        options,
      );
    case 'EFBIG':
      return new LoraSwarmError(
        'STORE_FAILED',
        `The disk of ${path} takes no file that large. Choose a folder on another one.`,
        setting,
        options,
      );
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new LoraSwarmError(
        'STORE_READ_ONLY',
        `${path} cannot be written. Choose another folder.`,
        setting,
        options,
      );
    case 'EIO':
    case 'EMFILE':
    case 'ENFILE':
      return new LoraSwarmError(
        'STORE_FAILED',
        `Reading or writing ${path} failed (${code}). Try again.`,
        undefined,
        options,
      );
    default:
      return error;
  }
}
