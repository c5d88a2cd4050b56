import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type DemoFixtures, findFixtures } from './fixtures';

/** Where the demo happens. What is opened on it is closed with it, newest first; then the folder is removed. */
export interface Ground {
  /** Fresh and empty. */
  readonly folder: string;
  /** The one address that sockets are bound to. */
  readonly host: string;
  readonly fixtures: DemoFixtures;
  readonly path: (...parts: string[]) => string;
  readonly own: (close: () => Promise<unknown>) => void;
  /** Twice is once. */
  readonly close: () => Promise<void>;
}

const REMOVE = { recursive: true, force: true, maxRetries: 5 } as const;

/** @throws {LoraSwarmError} `ADAPTER_NOT_FOUND` outside of the repository. */
export function openGround(): Ground {
  const fixtures = findFixtures();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-swarm-demo-'));
  const closers: (() => Promise<unknown>)[] = [];
  // Also when the process ends in the middle, as with a second Ctrl-C.
  const removeNow = (): void => fs.rmSync(folder, REMOVE);
  process.once('exit', removeNow);
  let closing: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    for (const close of closers.reverse()) await close();
    await fs.promises.rm(folder, REMOVE);
    process.off('exit', removeNow);
  };
  return {
    folder,
    host: '127.0.0.1',
    fixtures,
    path: (...parts) => path.join(folder, ...parts),
    own: (close) => void closers.push(close),
    close: () => (closing ??= end()),
  };
}
