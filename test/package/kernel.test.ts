import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ROOT } from '../run/machine';
import { compileKernel, KERNEL_FILE, kernelFileText } from './compileKernel';

describe('the kernel', function () {
  this.timeout(60_000);

  it('is what its source compiles to', async () => {
    const kept = await readFile(path.join(ROOT, KERNEL_FILE), 'utf8');

    assert.ok(kept === kernelFileText(await compileKernel()), `${KERNEL_FILE} is old: npm run kernel`);
  });

  it('asks nothing of its surroundings', async () => {
    const module = new WebAssembly.Module(await compileKernel());

    assert.deepEqual(WebAssembly.Module.imports(module), []);
  });
});
