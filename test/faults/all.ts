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
import { leaderKilled } from './r16LeaderKilled';
import { twoVersions } from './r17TwoVersions';
import { slowOllama } from './r18SlowOllama';
import { crowd } from './r19Crowd';
import { manyAdapters } from './r20ManyAdapters';
import { chaos } from './r23Chaos';
import { leaks } from './r24Leaks';
import { smallHeap } from './r25SmallHeap';
import { bigFile } from './r26BigFile';

export const FAULTS: readonly Fault[] = [
  ...[killed, errors, diskFull, folderGone, slowDisk, damaged, sources, peerDies, peerFreezes],
  ...[losses, disorder, newAddress, sleeps, clockJumps, askedTwice],
  ...[leaderKilled, twoVersions, slowOllama, crowd, manyAdapters, chaos, leaks, smallHeap, bigFile],
];
