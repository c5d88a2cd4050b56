import type { AdapterIntent, PanelAction } from '../../shared/panelProtocol';

/** A command of the editor, with the content id it is about. */
export interface PanelCommand {
  readonly command: string;
  readonly argument?: string;
}

/** Which command follows which intent. The page names intents only, so it can reach nothing that is not in this table. */
export const COMMANDS: Readonly<Record<PanelAction | Exclude<AdapterIntent, 'copyId'>, PanelCommand>> = {
  download: { command: 'loraSwarm.download' },
  pause: { command: 'loraSwarm.pause' },
  resume: { command: 'loraSwarm.resume' },
  cancel: { command: 'loraSwarm.cancel' },
  install: { command: 'loraSwarm.install' },
  mergeIntoBase: { command: 'loraSwarm.mergeIntoBase' },
  compareWithBase: { command: 'loraSwarm.compare' },
  copyLink: { command: 'loraSwarm.copyLink' },
  joinLocalRoom: { command: 'loraSwarm.joinLocal' },
  createRoom: { command: 'loraSwarm.createRoom' },
  joinRoom: { command: 'loraSwarm.joinRoom' },
  joinGeneralRoom: { command: 'loraSwarm.joinGeneral' },
  shareAdapter: { command: 'loraSwarm.share' },
  openSettings: { command: 'workbench.action.openSettings', argument: 'loraSwarm' },
  showLog: { command: 'loraSwarm.showLog' },
};
