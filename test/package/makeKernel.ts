// npm run kernel: compiles src/engine/adapter/merge/writing/assembly/kernel.ts into src/engine/adapter/merge/writing/kernelCode.ts.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../run/machine';
import { compileKernel, KERNEL_FILE, kernelFileText } from './compileKernel';

void compileKernel().then((code) => {
  writeFileSync(path.join(ROOT, KERNEL_FILE), kernelFileText(code));
});
