import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Whether an address belongs to a network that no router forwards to the internet: RFC 1918, RFC 3927, loopback. */
export function isLanAddress(address: string | null | undefined): boolean {
  if (!address) return false;
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
  if (!isIPv4(plain)) return plain === '::1' || /^f[cde]/i.test(plain);
  const [a = 0, b = 0] = plain.split('.').map(Number);
  return (
    a === 10 || a === 127 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) || (a === 169 && b === 254)
  );
}

export function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}

/** An IPv4 address of this machine on a local network. */
export interface LanAddress {
  readonly address: string;
  readonly broadcast?: string;
  /** There is no network: only engines of this machine hear it. */
  readonly isFallback?: true;
}

/**
 * The addresses to speak from on the local network: the one that was asked for, or all private ones. A public address
 * shares its network with strangers of a data centre, so it is left out.
 */
export function lanAddresses(host: string | undefined): LanAddress[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const usable = all.filter(
    ({ family, address, internal }) =>
      family === 'IPv4' && (host ? address === host : !internal && isLanAddress(address)),
  );
  if (usable.length === 0) return host ? [{ address: host }] : [{ address: '127.0.0.1', isFallback: true }];
  return usable.map((entry) =>
    entry.internal ? { address: entry.address } : { address: entry.address, broadcast: broadcastOf(entry) },
  );
}

function broadcastOf({ address, netmask }: { address: string; netmask: string }): string {
  const mask = netmask.split('.').map(Number);
  return address
    .split('.')
    .map((part, i) => (Number(part) & (mask[i] ?? 255)) | (~(mask[i] ?? 255) & 255))
    .join('.');
}
