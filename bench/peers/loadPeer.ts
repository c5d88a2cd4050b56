import Module from 'node:module';
import { answer } from './calls';

// Loads the bundle of the extension as the extension host does, with an editor that is there in name only.

type Load = (request: string, parent: unknown, isMain: boolean) => unknown;

const calls = {
  /** @returns milliseconds until the bundle had run. */
  load({ path }: { path: string }): Promise<number> {
    const loader = Module as unknown as { _load: Load };
    const load = loader._load;
    loader._load = function (request, parent, isMain) {
      return request === 'vscode' ? editor : load.call(this, request, parent, isMain);
    };
    const start = performance.now();
    const { activate } = Module.createRequire(path)(path) as { activate?: unknown };
    const ms = performance.now() - start;
    if (typeof activate !== 'function') throw new Error(`${path} is no extension`);
    return Promise.resolve(ms);
  },
};

/** Any name of it can be called, made an object of, and extended. */
const editor: unknown = new Proxy(class {}, {
  get: (target, name) => (name === 'prototype' ? target.prototype : editor),
});

export type LoadCalls = typeof calls;

answer(calls);
