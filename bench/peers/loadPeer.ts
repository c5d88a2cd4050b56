import Module from 'node:module';
import { answer } from './calls';

// Loads and starts the bundle of the extension as the extension host does, with an editor that is there in name only.

type Load = (request: string, parent: unknown, isMain: boolean) => unknown;
type Extension = { activate?: (context: unknown) => unknown };

const calls = {
  /** @returns milliseconds until the bundle had run, and until `activate` had after that. What it does later is not in there. */
  start({ path }: { path: string }): Promise<{ loadMs: number; activateMs: number }> {
    const loader = Module as unknown as { _load: Load };
    const load = loader._load;
    loader._load = function (request, parent, isMain) {
      return request === 'vscode' ? editor : load.call(this, request, parent, isMain);
    };
    const startedAt = performance.now();
    const { activate } = Module.createRequire(path)(path) as Extension;
    const loadedAt = performance.now();
    if (typeof activate !== 'function') throw new Error(`${path} is no extension`);
    activate(context);
    return Promise.resolve({ loadMs: loadedAt - startedAt, activateMs: performance.now() - loadedAt });
  },
};

/** Any name of it can be called, made an object of, and extended. A bundle makes an object that inherits from it. */
const editor: unknown = new Proxy(class {}, {
  get: (target, name): unknown => {
    if (name === 'prototype') return target.prototype;
    return name === Symbol.toPrimitive ? () => '' : editor;
  },
  set: () => true,
  apply: () => editor,
  getPrototypeOf: () => editor as object,
});

const context: unknown = new Proxy(
  { subscriptions: [] },
  { get: (own, name): unknown => Reflect.get(own, name) ?? editor },
);

export type LoadCalls = typeof calls;

answer(calls);
