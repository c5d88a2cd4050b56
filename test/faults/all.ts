import type { Fault } from './fault';
import { killed } from './r01Killed';
import { errors } from './r02Errors';
import { diskFull } from './r03DiskFull';
import { folderGone } from './r04Gone';
import { slowDisk } from './r05SlowDisk';
import { damaged } from './r06Damaged';
import { sources } from './r07Sources';
import { peerDies } from './r08PeerDies';
import { peerFreezes } from './r09PeerFreezes';
import { disorder, losses, newAddress } from './r10BadLinks';
import { sleeps } from './r13Sleep';
import { clockJumps } from './r14Clock';
import { askedTwice } from './r15AskedTwice';

export const FAULTS: readonly Fault[] = [
  ...[killed, errors, diskFull, folderGone, slowDisk, damaged, sources, peerDies, peerFreezes],
  ...[losses, disorder, newAddress, sleeps, clockJumps, askedTwice],
];
