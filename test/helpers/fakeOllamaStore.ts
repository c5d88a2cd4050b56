// The disk side of the fake Ollama: blobs and manifests as a real one keeps them, and a reader of GGUF headers. Written
// without the product's own code, so that both can't be wrong in the same way.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

export interface Layer {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly from?: string;
}

export interface Manifest {
  readonly schemaVersion: number;
  readonly mediaType: string;
  readonly config: Layer;
  readonly layers: readonly Layer[];
}

export interface StoredModel {
  readonly name: string;
  readonly digest: string;
  readonly manifest: Manifest;
  readonly modifiedAt: Date;
}

export const layerType = (kind: string): string => `application/vnd.ollama.image.${kind}`;

export class FakeStore {
  onDidDelete: (name: string) => void = () => undefined;

  constructor(readonly folder: string) {
    fs.mkdirSync(path.join(folder, 'blobs'), { recursive: true });
    fs.mkdirSync(path.join(folder, 'manifests'), { recursive: true });
  }

  blobPath(digest: string): string {
    return path.join(this.folder, 'blobs', digest.replace(':', '-'));
  }

  hasBlob(digest: string): boolean {
    return fs.existsSync(this.blobPath(digest));
  }

  /** @returns the true digest, which is also the name. */
  addBlob(bytes: Buffer): string {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    fs.writeFileSync(this.blobPath(digest), bytes);
    return digest;
  }

  isName(name: string): boolean {
    return nameParts(name).every((part) => /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,79}$/.test(part));
  }

  find(name: string): StoredModel | undefined {
    const parts = nameParts(name);
    const file = this.#manifestPath(name);
    // Not by way of the list: among hundreds of models that would read hundreds of files. The case of letters counts.
    if (!fs.existsSync(file) || !fs.realpathSync.native(file).endsWith(path.join(...parts))) return undefined;
    return this.#read(parts);
  }

  /** Names whose manifest is half written. */
  brokenNames(): string[] {
    return this.#names().filter((name) => !this.find(name));
  }

  /** Whether the manifest is there and half written. */
  isBroken(name: string): boolean {
    return fs.existsSync(this.#manifestPath(name)) && !this.find(name);
  }

  readBytes(name: string): Buffer {
    return fs.readFileSync(this.#manifestPath(name));
  }

  /** Replaces a model whose name differs only in the case of letters, as Ollama does. */
  write(name: string, manifest: Buffer | Manifest): void {
    const same = this.#names().find((known) => known.toLowerCase() === displayName(nameParts(name)).toLowerCase());
    const file = this.#manifestPath(same ?? name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, Buffer.isBuffer(manifest) ? manifest : JSON.stringify(manifest));
  }

  delete(name: string): void {
    const { manifest } = this.find(name)!;
    const file = this.#manifestPath(name);
    fs.rmSync(file);
    // As a real one does, so that nothing of a name stays.
    for (let folder = path.dirname(file); fs.readdirSync(folder).length === 0; folder = path.dirname(folder))
      if (folder === path.join(this.folder, 'manifests')) break;
      else fs.rmdirSync(folder);
    const used = new Set(this.list().flatMap((model) => digestsOf(model.manifest)));
    for (const digest of digestsOf(manifest)) if (!used.has(digest)) fs.rmSync(this.blobPath(digest), { force: true });
    this.onDidDelete(name);
  }

  /** What a server does at its start. */
  prune(): void {
    const used = new Set(this.list().flatMap(({ manifest }) => digestsOf(manifest)));
    for (const file of fs.readdirSync(path.join(this.folder, 'blobs')))
      if (!used.has(file.replace('-', ':'))) fs.rmSync(path.join(this.folder, 'blobs', file));
  }

  list(): StoredModel[] {
    const root = path.join(this.folder, 'manifests');
    return fs.readdirSync(root, { recursive: true, encoding: 'utf8' }).flatMap((file) => {
      const parts = file.split(path.sep);
      const full = path.join(root, file);
      if (parts.length !== 4 || !fs.statSync(full).isFile()) return [];
      return this.#read(parts) ?? [];
    });
  }

  /** Of every manifest, also of one that is half written. */
  #names(): string[] {
    const files = fs.readdirSync(path.join(this.folder, 'manifests'), { recursive: true, encoding: 'utf8' });
    const all = files.map((file) => file.split(path.sep)).filter((parts) => parts.length === 4);
    return all.map(displayName);
  }

  #read(parts: readonly string[]): StoredModel | undefined {
    const file = path.join(this.folder, 'manifests', ...parts);
    const bytes = fs.readFileSync(file);
    const digest = createHash('sha256').update(bytes).digest('hex');
    try {
      const manifest = JSON.parse(bytes.toString()) as Manifest;
      return { name: displayName(parts), digest, manifest, modifiedAt: fs.statSync(file).mtime };
    } catch {
      return undefined; // A real one logs "bad manifest" and goes on.
    }
  }

  #manifestPath(name: string): string {
    return path.join(this.folder, 'manifests', ...nameParts(name));
  }
}

/** Host, namespace, model, tag. */
export function nameParts(name: string): [string, string, string, string] {
  const parts = name.split('/');
  const [model = '', tag = 'latest'] = parts.pop()!.split(':');
  const namespace = parts.pop() ?? 'library';
  return [parts.pop() ?? 'registry.ollama.ai', namespace, model, tag];
}

function displayName(parts: readonly string[]): string {
  const [host, namespace, model, tag] = parts;
  const prefix =
    host !== 'registry.ollama.ai' ? `${host}/${namespace}/` : namespace !== 'library' ? `${namespace}/` : '';
  return `${prefix}${model}:${tag}`;
}

function digestsOf(manifest: Manifest): string[] {
  // As the real one: a model need not have a config.
  return [manifest.config.digest, ...manifest.layers.map(({ digest }) => digest)].filter((digest) => digest !== '');
}

/** Keys and tensors of a GGUF header. Arrays are left out, as `/api/show` does. */
export function readGguf(file: string): {
  info: Record<string, unknown>;
  tensors: { name: string; shape: number[] }[];
} {
  const bytes = fs.readFileSync(file);
  let at = 8;
  const u32 = (): number => bytes.readUInt32LE((at += 4) - 4);
  const u64 = (): number => Number(bytes.readBigUInt64LE((at += 8) - 8));
  const text = (): string => {
    const length = u64();
    return bytes.toString('utf8', at, (at += length));
  };
  const value = (type: number): unknown => {
    if (type === 4) return u32();
    if (type === 6) return bytes.readFloatLE((at += 4) - 4);
    if (type === 7) return bytes[at++] === 1;
    if (type === 8) return text();
    if (type === 10) return u64();
    if (type === 5) return bytes.readInt32LE((at += 4) - 4);
    if (type !== 9) throw new Error(`GGUF type ${type}`);
    const element = u32();
    for (let left = u64(); left > 0; left--) value(element);
    return undefined;
  };
  const tensorCount = u64();
  const info: Record<string, unknown> = {};
  for (let left = u64(); left > 0; left--) {
    const key = text();
    const read = value(u32());
    if (read !== undefined) info[key] = read;
  }
  const tensors = Array.from({ length: tensorCount }, () => {
    const name = text();
    const shape = Array.from({ length: u32() }, u64);
    at += 12;
    return { name, shape };
  });
  return { info, tensors };
}
