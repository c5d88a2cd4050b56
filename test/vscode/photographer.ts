import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../run/machine';
import type { SwarmWindow } from './swarmWindow';

/** Of the window. */
export const SIZE = { width: 1120, height: 700 };
/** With the side bar open, some 300 px are left for the editor. */
const NARROW = { width: 680, height: 900 };

export const THEMES = {
  dark: { colorScheme: 'dark', forcedColors: 'none', look: 'vs-dark' },
  light: { colorScheme: 'light', forcedColors: 'none', look: 'vs' },
  contrast: { colorScheme: 'dark', forcedColors: 'active', look: 'hc-black' },
} as const;

export type ThemeName = keyof typeof THEMES;

/** Takes pictures of one window. */
export class Photographer {
  constructor(
    private readonly window: SwarmWindow,
    private readonly folder: string,
    /** All pictures in this one, wide and narrow. Absent: only those that the README shows. */
    private readonly only: ThemeName | undefined,
  ) {}

  get takesAll(): boolean {
    return this.only !== undefined;
  }

  /** Changes the colours as the operating system does; the window follows. */
  async use(theme: ThemeName): Promise<void> {
    const { look, ...media } = THEMES[theme];
    await this.window.workbench.page.emulateMedia(media);
    await this.window.workbench.page.locator(`.monaco-workbench.${look}`).waitFor();
  }

  /** @param theme In which the README shows it. Absent: it does not. */
  async take(name: string, theme?: ThemeName): Promise<void> {
    if (this.only === undefined) {
      if (theme === undefined) return;
      await this.use(theme);
      return this.#shoot(name);
    }
    const { page } = this.window.workbench;
    await this.#shoot(`${name}-${this.only}`);
    await page.setViewportSize(NARROW);
    await this.#shoot(`${name}-${this.only}-narrow`);
    await page.setViewportSize(SIZE);
  }

  async #shoot(name: string): Promise<void> {
    const file = path.join(this.folder, `${name}.png`);
    await this.window.workbench.page.screenshot({ path: file, animations: 'disabled' });
    console.log(`${path.relative(ROOT, file)}  ${Math.round(fs.statSync(file).size / 1000)} KB`);
  }
}
