import type { Target } from './target';
import { adapters } from './targets/adapters';
import { beacons } from './targets/beacons';
import { roomMessages, transferMessages } from './targets/codecs';
import { files } from './targets/files';
import { codes, links } from './targets/invites';
import { lane } from './targets/lane';
import { modelTexts, ollamaAnswers, ollamaHttp } from './targets/ollama';
import { panelMessages } from './targets/panel';
import { roomWalks, transferWalks } from './targets/peers';
import { manifests, releases } from './targets/releases';
import { ggufReference, safetensorsReference } from './targets/reference';
import { rows } from './targets/rows';
import { handshakes, rpc, wishes } from './targets/service';
import { damagedStatements, roomStatements } from './targets/statements';
import { settingTexts, settings } from './targets/settings';

/** All doors, from the network to the screen. */
export const TARGETS: readonly Target[] = [
  roomMessages,
  transferMessages,
  lane,
  beacons,
  roomWalks,
  transferWalks,
  manifests,
  releases,
  adapters,
  safetensorsReference,
  ggufReference,
  roomStatements,
  damagedStatements,
  files,
  rows,
  codes,
  links,
  panelMessages,
  settings,
  settingTexts,
  wishes,
  handshakes,
  rpc,
  ollamaAnswers,
  ollamaHttp,
  modelTexts,
];
