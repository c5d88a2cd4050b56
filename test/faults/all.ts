import type { Fault } from './fault';
import { killed } from './r01Killed';
import { errors } from './r02Errors';
import { diskFull } from './r03DiskFull';
import { damaged } from './r06Damaged';
import { sources } from './r07Sources';
import { peerDies } from './r08PeerDies';
import { peerFreezes } from './r09PeerFreezes';
import { sleeps } from './r13Sleep';

export const FAULTS: readonly Fault[] = [
  ...[killed, errors, diskFull, damaged, sources, peerDies, peerFreezes],
  ...[sleeps],
];
