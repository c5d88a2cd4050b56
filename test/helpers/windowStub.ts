import Module from 'node:module';

/** Of the module `vscode`, what code that only asks for something may touch. */
const NAMES = [
  ...['window', 'commands', 'env', 'workspace', 'Uri'],
  ...['ThemeIcon', 'ThemeColor', 'ProgressLocation', 'QuickPickItemKind', 'QuickInputButtons'],
];

/** What was asked of the window, in order, and what it answers. */
export class WindowStub {
  /** Name of the call, and what it was given. */
  readonly asked: (readonly [string, readonly unknown[]])[] = [];
  /** What the user does with a question; nothing, by itself. */
  answer: (call: string, args: readonly unknown[]) => unknown = () => undefined;

  /** Stands for the module `vscode` in what is loaded during `load`. For code that only asks the window for something. */
  async standIn<T>(load: () => Promise<T>): Promise<T> {
    const loader = Module as unknown as { _load: (name: string, ...rest: unknown[]) => unknown };
    const { _load: before } = loader;
    const stub = { __esModule: true, ...Object.fromEntries(NAMES.map((name) => [name, this.#namespace(name)])) };
    loader._load = (name, ...rest) => (name === 'vscode' ? stub : before.call(loader, name, ...rest));
    try {
      return await load();
    } finally {
      loader._load = before;
    }
  }

  /** Any call on any path is noted. */
  #namespace(path: string): unknown {
    const call = (...args: unknown[]): unknown => {
      this.asked.push([path, args]);
      return Promise.resolve(this.answer(path, args));
    };
    return new Proxy(call, {
      get: (_, name) => (typeof name === 'symbol' || name === 'then' ? undefined : this.#namespace(`${path}.${name}`)),
    });
  }
}
