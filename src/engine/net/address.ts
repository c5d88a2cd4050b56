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

/** The IPv4 addresses to speak from on the local network: the one that was asked for, or all that are not internal. */
export function lanAddresses(host: string | undefined): { readonly address: string; readonly broadcast?: string }[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const ipv4 = all.filter((entry) => entry.family === 'IPv4' && (host ? entry.address === host : !entry.internal));
  if (host && ipv4.length === 0) return [{ address: host }];
  return ipv4.map((entry) =>
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
