// Types of the WebAssembly calls that we use: those of Node have none without the browser's.

declare namespace WebAssembly {
  class Module {
    constructor(code: Uint8Array);
    static imports(module: Module): readonly unknown[];
  }

  class Instance {
    constructor(module: Module);
    readonly exports: Readonly<Record<string, unknown>>;
  }

  interface Memory {
    readonly buffer: ArrayBuffer;
    /** In pages of 64 KiB. The buffer before is detached. */
    grow(pages: number): number;
  }
}
