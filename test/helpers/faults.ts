import fs from 'node:fs';
import fsp from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/** Something goes wrong in one call that changes the disk. */
export interface Fault {
  /** Number of the call, from 1; 0 is none. */
  readonly at: number;
  /** What happens instead of the call: it never returns, or throws. `tear` does the first half of a write. */
  readonly strike: (call: string, tear: () => void) => never;
}

export interface Armed {
  /** Calls so far. */
  readonly calls: number;
  disarm(): void;
}

type Call = (...args: unknown[]) => unknown;
type Tear = (self: unknown, args: unknown[]) => void;

/** Counts every call of this process that changes the disk, and strikes at one of them. */
export async function armFaults({ at, strike }: Fault): Promise<Armed> {
  const restore: (() => void)[] = [];
  const armed = {
    calls: 0,
    disarm: () => {
      for (const step of restore) step();
      syncBuiltinESMExports();
    },
  };
  const { writeSync } = fs;
  const arm = (owner: object, name: string, tear?: Tear): void => {
    const methods = owner as Record<string, Call>;
    const call = methods[name]!;
    methods[name] = function (this: unknown, ...args: unknown[]): unknown {
      if (++armed.calls === at) strike(name, () => tear?.(this, args));
      return call.apply(this, args);
    };
    restore.push(() => (methods[name] = call));
  };

  // Not an import: the store loads it without the warning.
  const { DatabaseSync, StatementSync } = process.getBuiltinModule('node:sqlite');
  const handle = await fsp.open(process.execPath);
  const fileHandle = Object.getPrototypeOf(handle) as object;
  await handle.close();
  arm(fs, 'writeSync', (_self, [fd, data, from, length, offset]) => {
    writeSync(fd as number, data as Buffer, from as number, Math.ceil((length as number) / 2), offset as number);
  });
  for (const name of ['openSync', 'fdatasyncSync']) arm(fs, name);
  for (const name of ['open', 'mkdir', 'rename', 'rm', 'link']) arm(fsp, name);
  arm(fileHandle, 'writeFile', (self, [data]) => {
    const bytes = data as Uint8Array;
    writeSync((self as { fd: number }).fd, bytes, 0, bytes.byteLength >> 1, 0);
  });
  for (const name of ['write', 'sync', 'datasync', 'truncate']) arm(fileHandle, name);
  arm(DatabaseSync.prototype, 'exec');
  arm(StatementSync.prototype, 'run');
  syncBuiltinESMExports();
  return armed;
}
