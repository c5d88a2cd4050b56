import { plainLines, plainText } from '../engine/plainText';

/** Text of others on one line of the screen. */
export const peerText = plainText;
/** Text of others with its lines. */
export const peerLines = plainLines;

const NAME_PART = '[A-Za-z0-9][A-Za-z0-9._-]{0,63}';
const ADAPTER_NAME = new RegExp(`^${NAME_PART}(?:/${NAME_PART})?$`);

/**
 * The name of an adapter as a notification may say it: the strict ASCII form that releases are limited to, else only
 * the start of its id. Notifications show nothing else that a peer wrote.
 */
export function adapterName(name: unknown, id: string): string {
  return typeof name === 'string' && isAdapterName(name) ? name : id.slice(0, 8);
}

/** Whether an adapter may be called so: `author/name` or `name`, in the form that releases are limited to. */
export function isAdapterName(name: string): boolean {
  return ADAPTER_NAME.test(name);
}
