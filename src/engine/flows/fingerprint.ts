/** The start and the end of a public key, for people to compare: `a1b2…9f`. */
export function fingerprintOf(key: Uint8Array): string {
  const hex = Buffer.from(key).toString('hex');
  return `${hex.slice(0, 6)}…${hex.slice(-4)}`;
}
