import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** A file as Ollama names it. */
export interface Blob {
  readonly path: string;
  /** `sha256:<hex>` */
  readonly digest: string;
  readonly bytes: number;
}

/** Reads a file once and gives its digest. */
export async function readBlob(path: string, signal?: AbortSignal): Promise<Blob> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const part of createReadStream(path, { signal, highWaterMark: 1024 * 1024 })) {
    hash.update(part as Buffer);
    bytes += (part as Buffer).byteLength;
  }
  return { path, digest: `sha256:${hash.digest('hex')}`, bytes };
}

/** `sha256:<hex>` of bytes in memory. */
export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
