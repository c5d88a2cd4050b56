import type { SettingKey } from '../settings';
import type { RateLimit } from '../transfer/rate';
import type { MeteredWatch } from './metered';
import type { EngineParts } from './parts';

export type SettingParts = Pick<EngineParts, 'settings' | 'rooms' | 'ollama'> & {
  readonly downloadLimit: RateLimit;
  readonly uploadLimit: RateLimit;
  readonly metered: Pick<MeteredWatch, 'refresh'>;
  /** What is drawn may be another now. */
  readonly touch: () => void;
};

/** Brings a setting that was changed to the parts that do not ask for it by themselves. */
export function applySetting({ settings, rooms, ollama, ...parts }: SettingParts, key: SettingKey): void {
  switch (key) {
    case 'transfer.downloadLimit':
      parts.downloadLimit.bytesPerSecond = settings()[key];
      return;
    case 'transfer.uploadLimit':
      parts.uploadLimit.bytesPerSecond = settings()[key];
      return;
    case 'transfer.pauseOnMetered':
      parts.metered.refresh();
      return;
    case 'network.mode':
      rooms.applyMode();
      return;
    case 'network.bootstrap':
      void rooms.restart();
      return;
    case 'ollama.url':
      void ollama.look().then(parts.touch);
      return;
    default: // Asked for where it counts.
  }
}
