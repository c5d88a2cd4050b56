import NoiseSecretStream from '@hyperswarm/secret-stream';
import type { KeyPair } from 'hypercore-crypto';
import { identityKeys } from '../../src/engine/release/release';

export interface MemoryStreamOptions {
  /** Of the side that dials, and of the side that was dialled. */
  readonly keys?: readonly [KeyPair, KeyPair];
  /** Where each seems to be, to the other. */
  readonly hosts?: readonly [string, string];
}

/** A connection with real Noise on it and no socket under it: the side that dialled, and the other one. */
export async function memoryStreams({
  keys = [identityKeys(), identityKeys()],
  hosts = ['127.0.0.1', '127.0.0.1'],
}: MemoryStreamOptions = {}): Promise<readonly [NoiseSecretStream, NoiseSecretStream]> {
  const dialling = new NoiseSecretStream(true, undefined, { keyPair: keys[0] });
  const accepted = new NoiseSecretStream(false, undefined, { keyPair: keys[1] });
  const ends = [dialling, accepted].map(({ rawStream }) => rawStream as unknown as NodeJS.ReadWriteStream);
  ends[0]!.pipe(ends[1]!).pipe(ends[0]!);
  for (const [i, stream] of [dialling, accepted].entries()) {
    stream.on('error', () => undefined);
    Object.assign(stream.rawStream, { remoteHost: hosts[1 - i] });
  }
  await Promise.all([dialling.opened, accepted.opened]);
  return [dialling, accepted];
}
