import { findBrowser } from '../run/machine';
import { PanelBrowser, type OpenOptions, type OpenPanel } from './panelPage';

/** Opens a panel that is closed after the test, whatever happens. */
export type Open = (options?: OpenOptions) => Promise<OpenPanel>;

/** A suite with one browser. Without a browser on this machine it is one pending test that says what is missing. */
export function describeInBrowser(name: string, suite: (open: Open) => void): void {
  const executable = findBrowser();
  describe(name, () => {
    if (!executable) {
      it('needs a Chromium on the PATH or in LORA_SWARM_CHROMIUM');
      return;
    }
    let browser: PanelBrowser | undefined;
    let opened: OpenPanel[] = [];

    before(async () => {
      browser = await PanelBrowser.start(executable);
    });
    afterEach(async () => {
      await Promise.all(opened.map((panel) => panel.close()));
      opened = [];
    });
    after(() => browser?.close());

    suite(async (options) => {
      const panel = await browser!.open(options);
      opened.push(panel);
      return panel;
    });
  });
}
