import type { Fault } from './fault';
import { killed } from './r01Killed';

export const FAULTS: readonly Fault[] = [killed];
