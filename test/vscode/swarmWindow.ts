import fs from 'node:fs';
import path from 'node:path';
import { openWindow, type Window, type WindowOptions } from './browser';
import { vsixOfThisMachine } from './installed';
import { makeProfile, removeProfile, type Profile, type ProfileOptions } from './profile';
import { installVsix, startServer, type Server } from './server';
import { installedCli } from './terminalPeer';
import { Workbench } from './workbench';

export interface SwarmWindowOptions extends ProfileOptions, WindowOptions {
  /** How peers see this user. */
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
}

/** One user with a VS Code of their own, the package installed in it, and one window open. */
export class SwarmWindow {
  readonly workbench: Workbench;

  private constructor(
    readonly name: string,
    readonly profile: Profile,
    private readonly server: Server,
    private readonly window: Window,
  ) {
    this.workbench = new Workbench(window.page);
  }

  static async open({ name, env, settings, size, language, ...options }: SwarmWindowOptions): Promise<SwarmWindow> {
    const profile = makeProfile({ ...options, settings: { 'loraSwarm.identity.displayName': name, ...settings } });
    installVsix(profile, await vsixOfThisMachine());
    const server = await startServer(profile, { env });
    const window = await openWindow({ size, language });
    const opened = new SwarmWindow(name, profile, server, window);
    await opened.workbench.open(server.url());
    return opened;
  }

  /** Storage folder of the engine. */
  get engineHome(): string {
    return path.join(this.profile.userData, 'User', 'globalStorage', 'lora-swarm.lora-swarm');
  }

  /** The command line that came with the package in this VS Code. */
  get cli(): string {
    return installedCli(this.profile);
  }

  /** Requests of the page to anything but loopback. */
  get external(): readonly string[] {
    return this.window.external;
  }

  /** What our log channel has taken down. */
  log(): string {
    return fs
      .readdirSync(this.profile.userData, { recursive: true, encoding: 'utf8' })
      .filter((file) => path.basename(file) === 'LoRA Swarm.log')
      .map((file) => fs.readFileSync(path.join(this.profile.userData, file), 'utf8'))
      .join('');
  }

  /** A picture of the window and what was logged, for a test that failed. */
  async report(folder: string): Promise<void> {
    fs.mkdirSync(folder, { recursive: true });
    await this.workbench.page.screenshot({ path: path.join(folder, `${this.name}.png`) }).catch(() => undefined);
    fs.writeFileSync(path.join(folder, `${this.name}.log`), `${this.log()}\n${this.server.log()}`);
  }

  async close(): Promise<void> {
    await this.window.close();
    await this.server.stop();
    removeProfile(this.profile);
  }
}
