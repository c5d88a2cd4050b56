import fs from 'node:fs';
import fsp from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';

interface Range {
  readonly offset: number;
  readonly length: number;
}

type Call = (...args: unknown[]) => unknown;

/**
 * Notes what this process writes and has not synced, so that a test can take it away again, as a power cut does. Files are
 * known by inode, so that one that was renamed since is found. SQLite syncs by itself and is left out.
 */
export class UnsyncedWrites {
  readonly #ranges = new Map<number, Range[]>();
  readonly #restore: (() => void)[] = [];

  static async begin(): Promise<UnsyncedWrites> {
    const writes = new UnsyncedWrites();
    const handle = await fsp.open(process.execPath);
    const fileHandle = Object.getPrototypeOf(handle) as object;
    await handle.close();
    writes.#watch(fs, fileHandle);
    return writes;
  }

  end(): void {
    for (const step of this.#restore) step();
    syncBuiltinESMExports();
  }

  get bytes(): number {
    return [...this.#ranges.values()].flat().reduce((sum, { length }) => sum + length, 0);
  }

  /** Copies a home as it would be after a power cut now: of what was not synced, `isKept` says what is there by chance. */
  cutPower(home: string, to: string, isKept: () => boolean): void {
    const lost = new Map<string, Range[]>();
    for (const entry of fs.readdirSync(home, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name);
      const ranges = entry.isFile() ? this.#ranges.get(fs.statSync(file).ino) : undefined;
      if (ranges) lost.set(path.relative(home, file), ranges);
    }
    fs.cpSync(home, to, { recursive: true });
    for (const [name, ranges] of lost) {
      const fd = fs.openSync(path.join(to, name), 'r+');
      for (const { offset, length } of ranges)
        if (!isKept()) this.#writeSync(fd, Buffer.alloc(length), 0, length, offset);
      fs.closeSync(fd);
    }
  }

  readonly #writeSync = fs.writeSync;

  #watch(sync: object, fileHandle: object): void {
    // (fd or handle, buffer, offset in buffer, length, position)
    this.#around(sync, 'writeSync', ([fd, data, , length, position]) => this.#wrote(fd, data, length, position));
    this.#around(sync, 'write', ([fd, data, , length, position]) => this.#wrote(fd, data, length, position));
    this.#around(sync, 'writevSync', ([fd, parts, position]) => this.#wroteAll(fd, parts, position));
    this.#around(sync, 'writev', ([fd, parts, position]) => this.#wroteAll(fd, parts, position));
    for (const name of ['fdatasyncSync', 'fsyncSync']) this.#aroundSync(sync, name, ([fd]) => fd);
    for (const name of ['fdatasync', 'fsync']) this.#aroundCallback(sync, name);
    const own = (self: unknown): number => (self as { fd: number }).fd;
    this.#around(fileHandle, 'write', ([data, , length, position], self) =>
      this.#wrote(own(self), data, length, position),
    );
    this.#around(fileHandle, 'writev', ([parts, position], self) => this.#wroteAll(own(self), parts, position));
    this.#around(fileHandle, 'writeFile', ([data], self) => this.#wrote(own(self), data, undefined, 0));
    for (const name of ['datasync', 'sync']) this.#aroundSync(fileHandle, name, (_args, self) => own(self));
    syncBuiltinESMExports();
  }

  #wroteAll(fd: unknown, parts: unknown, position: unknown): void {
    const length = (parts as readonly Uint8Array[]).reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#wrote(fd, undefined, length, position);
  }

  #wrote(fd: unknown, data: unknown, length: unknown, position: unknown): void {
    const { ino, size } = fs.fstatSync(fd as number);
    const bytes = typeof length === 'number' ? length : Buffer.byteLength(data as string | Uint8Array);
    const ranges = this.#ranges.get(ino) ?? [];
    // Without a place it is written at the end, by whoever writes so here.
    ranges.push({ offset: typeof position === 'number' ? position : size, length: bytes });
    this.#ranges.set(ino, ranges);
  }

  /** What was written before the call is on disk after it. */
  #synced(fd: unknown): () => void {
    const { ino } = fs.fstatSync(fd as number);
    const before = new Set(this.#ranges.get(ino));
    return () => {
      const left = (this.#ranges.get(ino) ?? []).filter((range) => !before.has(range));
      if (left.length > 0) this.#ranges.set(ino, left);
      else this.#ranges.delete(ino);
    };
  }

  #around(owner: object, name: string, before: (args: unknown[], self: unknown) => void): void {
    this.#replace(owner, name, (call, self, args) => {
      before(args, self);
      return call.apply(self, args);
    });
  }

  #aroundSync(owner: object, name: string, fdOf: (args: unknown[], self: unknown) => unknown): void {
    this.#replace(owner, name, (call, self, args) => {
      const done = this.#synced(fdOf(args, self));
      const result = call.apply(self, args);
      if (result instanceof Promise) return result.then(done);
      done();
      return result;
    });
  }

  #aroundCallback(owner: object, name: string): void {
    this.#replace(owner, name, (call, self, args) => {
      const [fd, callback] = args as [number, (error: unknown) => void];
      const done = this.#synced(fd);
      return call.call(self, fd, (error: unknown) => {
        if (!error) done();
        callback(error);
      });
    });
  }

  #replace(owner: object, name: string, replacement: (call: Call, self: unknown, args: unknown[]) => unknown): void {
    const methods = owner as Record<string, Call>;
    const call = methods[name]!;
    methods[name] = function (this: unknown, ...args: unknown[]): unknown {
      return replacement(call, this, args);
    };
    this.#restore.push(() => (methods[name] = call));
  }
}
