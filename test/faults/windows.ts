import { build, type Plugin } from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';
import { EngineShells } from '../service/engineShells';
import { ROOT } from '../run/machine';
import type { Ground } from './ground';

let made = 0;

/** Windows of the product, each a process with the thread of the engine, made of the source as it is now. */
export class Windows extends EngineShells {
  private constructor(
    ground: Ground,
    private readonly changes: readonly Change[],
    private readonly homes: Windows | undefined,
  ) {
    // Inside the project, so that the native add-ons are found.
    super(() => ground.bootstrap, path.join(ROOT, 'out-test', `windows-${process.pid}-${++made}`));
  }

  /**
   * @param changes what another version of the product has in its source.
   * @param homes whose storage folders these windows open.
   */
  static async open(ground: Ground, changes: readonly Change[] = [], homes?: Windows): Promise<Windows> {
    const windows = new Windows(ground, changes, homes);
    await windows.build();
    return windows;
  }

  override async build(): Promise<void> {
    await build({
      entryPoints: { worker: path.join(ROOT, 'src/service/worker.ts'), engineShell: SHELL },
      outdir: this.folder,
      plugins: [changing(this.changes)],
      ...{ bundle: true, platform: 'node', format: 'cjs', packages: 'external', logLevel: 'error' },
    });
  }

  override home(name: string): string {
    return this.homes?.home(name) ?? super.home(name);
  }

  /** A home that is there already. */
  adopt(name: string, home: string): void {
    fs.mkdirSync(path.dirname(this.home(name)), { recursive: true });
    fs.renameSync(home, this.home(name));
  }
}

/** Text of a source file that reads otherwise in another version. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const SHELL = path.join(ROOT, 'test/service/engineShell.ts');

function changing(changes: readonly Change[]): Plugin {
  return {
    name: 'another version',
    setup: (plugin) => {
      for (const { file, from, to } of changes) {
        const full = path.join(ROOT, file);
        plugin.onLoad({ filter: new RegExp(`${path.basename(file).replace('.', '\\.')}$`) }, (args) => {
          if (args.path !== full) return undefined;
          const source = fs.readFileSync(full, 'utf8');
          if (source.split(from).length !== 2) throw new Error(`${file} does not have this once: ${from}`);
          return { contents: source.replace(from, to), loader: 'ts' };
        });
      }
    },
  };
}
