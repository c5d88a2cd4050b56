import NoiseSecretStream from '@hyperswarm/secret-stream';
import type { KeyPair } from 'hypercore-crypto';
import type { Duplex } from 'node:stream';
import { identityKeys } from '../../src/engine/release/release';

export interface MemoryStreamOptions {
  /** Of the side that dials, and of the side that was dialled. */
  readonly keys?: readonly [KeyPair, KeyPair];
  /** Where each seems to be, to the other. */
  readonly hosts?: readonly [string, string];
}

export interface MemoryStreams {
  /** The side that dialled, and the other one. */
  readonly streams: readonly [NoiseSecretStream, NoiseSecretStream];
  /** Puts bytes under the encryption, towards the side that was dialled. */
  readonly inject: (bytes: Uint8Array) => void;
  /** Carries nothing any more, and tells nobody. */
  readonly cut: () => void;
}

/** A connection with real Noise on it and no socket under it. */
export async function memoryStreams({
  keys = [identityKeys(), identityKeys()],
  hosts = ['127.0.0.1', '127.0.0.1'],
}: MemoryStreamOptions = {}): Promise<MemoryStreams> {
  const streams = [true, false].map(
    (isInitiator, i) => new NoiseSecretStream(isInitiator, undefined, { keyPair: keys[i]! }),
  ) as [NoiseSecretStream, NoiseSecretStream];
  const wires = streams.map(({ rawStream }) => rawStream as unknown as Duplex);
  let isCut = false;
  for (const [i, wire] of wires.entries()) {
    const other = wires[1 - i]!;
    // In a later turn, as over a network.
    const pass = (work: () => void): void => void setImmediate(() => isCut || work());
    wire.on('data', (bytes: Uint8Array) => pass(() => void other.write(bytes)));
    wire.on('end', () => pass(() => void other.end()));
    wire.on('close', () => pass(() => void other.destroy()));
    streams[i]!.on('error', () => undefined);
    // Its two halves say again what the stream said.
    for (const half of [wire, (wire as { reverse?: Duplex }).reverse]) half?.on('error', () => undefined);
    Object.assign(wire, { remoteHost: hosts[1 - i] });
  }
  await Promise.all(streams.map(({ opened }) => opened));
  return { streams, inject: (bytes) => void wires[1]!.write(bytes), cut: () => void (isCut = true) };
}
