import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ROOT } from '../run/machine';

const SOURCE = 'src/engine/adapter/merge/writing/assembly/kernel.ts';
export const KERNEL_FILE = 'src/engine/adapter/merge/writing/kernelCode.ts';

/** No memory manager, no imports: the caller lays out the memory. SIMD is in every VS Code and Node that we run on. */
const OPTIONS = ['-O3', '--runtime', 'stub', '--noAssert', '--enable', 'simd', '--use', 'abort='];

/** The WebAssembly of the kernel. The compiler's version is pinned: it gives the same bytes everywhere. */
export async function compileKernel(): Promise<Buffer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'lora-swarm-kernel-'));
  const out = path.join(folder, 'kernel.wasm');
  try {
    // A process of its own: the compiler is an ES module that waits while it loads, which CommonJS can't import.
    const compiler = path.join(ROOT, 'node_modules/assemblyscript/bin/asc.js');
    const child = spawn(process.execPath, [compiler, SOURCE, ...OPTIONS, '--outFile', out], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`the compiler ended with ${code}`);
    return await readFile(out);
  } finally {
    await rm(folder, { recursive: true });
  }
}

export function kernelFileText(code: Buffer): string {
  return (
    `// Made from assembly/kernel.ts by "npm run kernel".\n\n` +
    `/** WebAssembly, in base64: it travels inside the bundle. */\n` +
    `export const KERNEL_CODE =\n  '${code.toString('base64')}';\n`
  );
}
