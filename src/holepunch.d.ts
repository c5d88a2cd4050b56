// Types of the Holepunch calls that we use. The packages ship none. Nothing more than is called.

declare module 'hypercore-crypto' {
  export interface KeyPair {
    readonly publicKey: Buffer;
    readonly secretKey: Buffer;
  }
  export function keyPair(seed?: Uint8Array): KeyPair;
  export function sign(message: Uint8Array, secretKey: Uint8Array): Buffer;
  export function verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean;
  export function hash(data: Uint8Array | readonly Uint8Array[]): Buffer;
  export function randomBytes(size: number): Buffer;
}
