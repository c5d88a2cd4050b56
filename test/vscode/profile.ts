import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A disposable user of VS Code: home, settings, extensions and a workspace folder. */
export interface Profile {
  readonly folder: string;
  readonly home: string;
  readonly userData: string;
  readonly extensions: string;
  readonly workspace: string;
}

export interface ProfileOptions {
  /** Content of the workspace folder, path to text or bytes. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** What would cover the window under test, move in it, or ask for something on the network. */
const QUIET_SETTINGS = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'workbench.reduceMotion': 'on',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
  'security.workspace.trust.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'update.showReleaseNotes': false,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'remote.autoForwardPorts': false,
  'git.autofetch': false,
  'git.openRepositoryInParentFolders': 'never',
  'json.schemaDownload.enable': false,
  'npm.fetchOnlinePackageInfo': false,
  'typescript.disableAutomaticTypeAcquisition': true,
  'http.fetchAdditionalSupport': false,
};

/** Makes a profile in a temporary folder. End it with `removeProfile`. */
export function makeProfile({ files = {}, settings = {} }: ProfileOptions = {}): Profile {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lora-swarm-vscode-'));
  const profile = {
    folder,
    home: path.join(folder, 'home'),
    userData: path.join(folder, 'data'),
    extensions: path.join(folder, 'extensions'),
    workspace: path.join(folder, 'workspace'),
  };
  for (const made of [profile.home, profile.extensions, profile.workspace, path.join(profile.userData, 'User')])
    fs.mkdirSync(made, { recursive: true });
  writeFiles(profile.workspace, files);
  writeSettings(profile, settings);
  fs.writeFileSync(path.join(folder, 'config.yaml'), 'auth: none\n');
  return profile;
}

/** Writes files below a folder: path with `/` to content. */
export function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  }
}

/** Writes the user settings, as the settings editor does. VS Code sees the change by itself. */
export function writeSettings(profile: Profile, settings: Readonly<Record<string, unknown>>): void {
  const file = path.join(profile.userData, 'User', 'settings.json');
  fs.writeFileSync(file, JSON.stringify({ ...QUIET_SETTINGS, ...settings }, null, 2));
}

/** Puts a folder where VS Code looks for extensions at its first start. */
export function installFolder(profile: Profile, folder: string): void {
  const { publisher, name, version } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')) as Record<
    'publisher' | 'name' | 'version',
    string
  >;
  fs.cpSync(folder, path.join(profile.extensions, `${publisher}.${name}-${version}`), { recursive: true });
}

export function removeProfile(profile: Profile): void {
  fs.rmSync(profile.folder, { recursive: true, force: true, maxRetries: 5 });
}
