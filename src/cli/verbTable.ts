import { convert, doctor, inspectAdapter, verdict } from './adapterVerbs';
import { get, list, peers } from './catalogVerbs';
import {
  identity,
  identityBackup,
  identityRestore,
  identityRevocation,
  identityRevoke,
  identityRotate,
} from './identityVerbs';
import { install, uninstall } from './installVerbs';
import { compare, merge } from './mergeVerbs';
import { roomAdmin, roomMembers, roomRemove, roomRename, roomVerify } from './memberVerbs';
import { roomCreate, roomInvite, roomJoin, roomLeave, roomLimit, rooms } from './roomVerbs';
import { serve, share, unshare } from './shareVerbs';
import { configGet, configSet } from './systemVerbs';
import { cancel, move, pause, resume, transfers } from './transferVerbs';
import type { Verb } from './verbContext';
import type { VerbName } from './verbs';

const TABLE: Readonly<Record<Exclude<VerbName, 'dht' | 'demo'>, Verb>> = {
  inspect: inspectAdapter,
  verdict,
  convert,
  merge,
  share,
  unshare,
  list,
  get,
  transfers,
  pause,
  resume,
  cancel,
  move,
  install,
  uninstall,
  compare,
  rooms,
  'room join': roomJoin,
  'room create': roomCreate,
  'room leave': roomLeave,
  'room invite': roomInvite,
  'room limit': roomLimit,
  'room members': roomMembers,
  'room remove': roomRemove,
  'room admin': roomAdmin,
  'room rename-member': roomRename,
  'room verify': roomVerify,
  peers,
  identity,
  'identity show': identity,
  'identity backup': identityBackup,
  'identity restore': identityRestore,
  'identity rotate': identityRotate,
  'identity revocation': identityRevocation,
  'identity revoke': identityRevoke,
  doctor,
  'config get': configGet,
  'config set': configSet,
  serve,
};

/** What a verb does. Those that need the network in this process load it only when they are asked for. */
export async function loadVerb(name: VerbName): Promise<Verb> {
  if (name === 'dht') return (await import('./dhtVerb')).dht;
  if (name === 'demo') return (await import('./demo')).demo;
  return TABLE[name];
}
