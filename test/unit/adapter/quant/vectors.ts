import { readFileSync } from 'node:fs';
import { fixture } from '../../../helpers/gold';

interface Vectors {
  readonly unpack: Readonly<Record<string, { readonly bytes: Uint8Array; readonly values: Float32Array }>>;
  readonly pack: { readonly values: Float32Array; readonly F16: Uint8Array; BF16: Uint8Array; Q8_0: Uint8Array };
}

/** What the reference implementation makes of the same bytes and values: see `make.py` beside the file. */
export const vectors: Vectors = (() => {
  const text = JSON.parse(readFileSync(fixture('quant', 'vectors.json'), 'utf8')) as {
    readonly unpack: Readonly<Record<string, { readonly bytes: string; readonly values: string }>>;
    readonly pack: Readonly<Record<'values' | 'F16' | 'BF16' | 'Q8_0', string>>;
  };
  const { values, F16, BF16, Q8_0 } = text.pack;
  return {
    unpack: Object.fromEntries(
      Object.entries(text.unpack).map(([type, one]) => [
        type,
        { bytes: bytesOf(one.bytes), values: floatsOf(one.values) },
      ]),
    ),
    pack: { values: floatsOf(values), F16: bytesOf(F16), BF16: bytesOf(BF16), Q8_0: bytesOf(Q8_0) },
  };
})();

/** Two zeros of different sign differ, and two NaN of the same bits do not. */
export function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.slice().buffer);
}

function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

function floatsOf(base64: string): Float32Array {
  return new Float32Array(bytesOf(base64).buffer);
}
