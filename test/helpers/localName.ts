import assert from 'node:assert/strict';
import fs from 'node:fs';
import { readGgufHeader } from '../../src/engine/adapter/gguf';
import { text } from './rawGguf';

export const LOCAL_NAME = '/home/ana/secret-project/run-7';

/** The same adapter, as a trainer would have written it that knows where it ran. */
export async function withLocalName(file: string, out: string): Promise<void> {
  const bytes = fs.readFileSync(file);
  const { values, tensors } = await readGgufHeader(file);
  assert.ok(!values.has('general.name'));
  const dataStart = Math.min(...[...tensors.values()].map(({ offset }) => offset));
  const preamble = Buffer.from(bytes.subarray(0, 24));
  preamble.writeBigUInt64LE(BigInt(values.size + 1), 16);
  const header = Buffer.concat([preamble, text('general.name', LOCAL_NAME), bytes.subarray(24, dataStart)]);
  const padding = Buffer.alloc(Math.ceil(header.length / 32) * 32 - header.length);
  fs.writeFileSync(out, Buffer.concat([header, padding, bytes.subarray(dataStart)]));
}

export async function tensorData(file: string): Promise<Map<string, Buffer>> {
  const bytes = fs.readFileSync(file);
  const { tensors } = await readGgufHeader(file);
  return new Map(
    [...tensors].map(([key, { offset, byteLength }]) => [key, bytes.subarray(offset, offset + byteLength)]),
  );
}
