import type { KeyPair } from 'hypercore-crypto';
import sodium from 'sodium-universal';

/** What `seal` adds: a public key of its own, and a check. */
export const SEAL_BYTES = 48;

/**
 * Encrypts for whoever holds the secret key of this Ed25519 public key: libsodium's sealed box on its X25519 form.
 *
 * @returns undefined when the bytes are no key that anybody can hold the secret of.
 */
export function seal(bytes: Uint8Array, ed25519Key: Uint8Array): Buffer | undefined {
  const boxKey = Buffer.alloc(32);
  try {
    sodium.crypto_sign_ed25519_pk_to_curve25519(boxKey, ed25519Key);
  } catch {
    return undefined; // Not a point of the curve, or one of the few that everybody can compute with.
  }
  const sealed = Buffer.alloc(bytes.byteLength + SEAL_BYTES);
  sodium.crypto_box_seal(sealed, bytes, boxKey);
  return sealed;
}

/** @returns undefined when it was sealed for another key, or damaged. */
export function openSeal(sealed: Uint8Array, { publicKey, secretKey }: KeyPair): Buffer | undefined {
  if (sealed.byteLength < SEAL_BYTES) return undefined;
  const boxPublic = Buffer.alloc(32);
  const boxSecret = Buffer.alloc(32);
  sodium.crypto_sign_ed25519_pk_to_curve25519(boxPublic, publicKey);
  sodium.crypto_sign_ed25519_sk_to_curve25519(boxSecret, secretKey);
  const bytes = Buffer.alloc(sealed.byteLength - SEAL_BYTES);
  return sodium.crypto_box_seal_open(bytes, sealed, boxPublic, boxSecret) ? bytes : undefined;
}
