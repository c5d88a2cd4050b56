import { ggmlType, type GgmlType } from '../../ggmlTypes';

/** Types that values are written in: those where our encoders do what ggml's do, to the last bit. */
export type EncodedType = 'F32' | 'F16' | 'BF16' | 'Q8_0';

const ENCODED: Readonly<Record<EncodedType, { readonly id: number; readonly limit: number }>> = {
  F32: { id: 0, limit: Infinity },
  F16: { id: 1, limit: 65_520 },
  Q8_0: { id: 8, limit: 65_520 * 127 },
  BF16: { id: 30, limit: 2 ** 128 - 2 ** 119 },
};

export function isEncoded(name: string): name is EncodedType {
  return Object.hasOwn(ENCODED, name);
}

export function encodedType(name: EncodedType): GgmlType {
  return ggmlType(ENCODED[name].id)!;
}

/** The first magnitude that the type can't hold: it rounds to infinity, or the scale of its block does. */
export function limitOf(name: EncodedType): number {
  return ENCODED[name].limit;
}
