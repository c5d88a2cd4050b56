// What this machine has of the things that npm does not bring. Nothing here downloads.
import fs from 'node:fs';
import path from 'node:path';

export const ROOT = path.resolve(__dirname, '../..');

/** Where `.ci/run` puts what it installs. Kept out of the repository. */
const INSTALLED = path.join(ROOT, '.vscode-test');

export interface VscodeHost {
  /** Node 24, which code-server needs. */
  readonly node: string;
  /** Folder of the package. */
  readonly codeServer: string;
}

/** The VS Code that `.ci/install-vscode-host.sh` installed: `LORA_SWARM_VSCODE_HOST` or `.vscode-test/host`. */
export function findVscodeHost(): VscodeHost | undefined {
  const folder = process.env['LORA_SWARM_VSCODE_HOST'] ?? path.join(INSTALLED, 'host');
  const node = path.join(folder, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  const codeServer = path.join(folder, 'node_modules', 'code-server');
  return fs.existsSync(path.join(codeServer, 'out', 'node', 'entry.js')) && isProgram(node)
    ? { node, codeServer }
    : undefined;
}

/** Chromium or a relative of it: `LORA_SWARM_CHROMIUM`, or the first on the PATH. */
export function findBrowser(): string | undefined {
  const named = process.env['LORA_SWARM_CHROMIUM'];
  if (named !== undefined) return isProgram(named) ? named : undefined;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'microsoft-edge'])
    for (const folder of searchPath()) if (isProgram(path.join(folder, name))) return path.join(folder, name);
  return undefined;
}

/**
 * Ollama programs to test against: `OLLAMA_BIN` (several with the path separator between), `.vscode-test/ollama` with the newest
 * first, the PATH.
 */
export function findOllamas(): string[] {
  const named = process.env['OLLAMA_BIN'];
  if (named !== undefined) return named.split(path.delimiter).filter(isProgram);
  const folder = path.join(INSTALLED, 'ollama');
  const installed = (fs.existsSync(folder) ? fs.readdirSync(folder) : [])
    .filter((name) => name.startsWith('ollama-'))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => path.join(folder, name, 'bin', 'ollama'));
  const onPath = searchPath().map((at) => path.join(at, process.platform === 'win32' ? 'ollama.exe' : 'ollama'));
  const found = installed.filter(isProgram);
  return found.length > 0 ? found : onPath.filter(isProgram).slice(0, 1);
}

/** A Node that has `node:sqlite`: the one that runs this, or the one that npm put into `node_modules/.bin`. */
export function findNode(): string {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 13)) return process.execPath;
  const brought = path.join(ROOT, 'node_modules', '.bin', 'node');
  return isProgram(brought) ? brought : process.execPath;
}

function searchPath(): string[] {
  return (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => folder !== '');
}

function isProgram(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}
