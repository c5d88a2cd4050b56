import os from 'node:os';
import path from 'node:path';

const EXTENSION_ID = 'lora-swarm.lora-swarm';

/**
 * The storage folder that the extension has in VS Code of this user, so that editor and terminal share one engine.
 *
 * @see https://code.visualstudio.com/docs/configure/settings#_settings-file-locations
 */
export function defaultHome(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = process.platform,
  userHome: string = os.homedir(),
): string {
  const target = platform === 'win32' ? path.win32 : path.posix;
  return target.join(userData(), 'Code', 'User', 'globalStorage', EXTENSION_ID);

  function userData(): string {
    if (platform === 'win32') return env['APPDATA'] ?? target.join(userHome, 'AppData', 'Roaming');
    if (platform === 'darwin') return target.join(userHome, 'Library', 'Application Support');
    return env['XDG_CONFIG_HOME'] || target.join(userHome, '.config');
  }
}
