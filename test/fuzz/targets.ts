import type { Target } from './target';
import { roomMessages, transferMessages } from './targets/codecs';
import { codes, links } from './targets/invites';
import { lane } from './targets/lane';
import { panelMessages } from './targets/panel';
import { roomWalks, transferWalks } from './targets/peers';
import { manifests, releases } from './targets/releases';
import { settingTexts, settings } from './targets/settings';

/** All doors. */
export const TARGETS: readonly Target[] = [
  roomMessages,
  transferMessages,
  lane,
  roomWalks,
  transferWalks,
  manifests,
  releases,
  codes,
  links,
  panelMessages,
  settings,
  settingTexts,
];
