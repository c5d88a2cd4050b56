import type { AdapterSummary, EngineState, PeerState, RoomState, TransferState } from '../../../src/engine/state';
import type { AdapterEntry } from '../../../src/engine/wishes';
import { EMPTY_STATE } from '../../../src/ui/engineHandle';

/** 64 hex characters that are told apart at a glance. */
export const idOf = (digit: string): string => digit.repeat(64);

export function stateWith(part: Partial<EngineState>): EngineState {
  return { ...EMPTY_STATE, ...part };
}

export function room(part: Partial<RoomState> = {}): RoomState {
  return {
    id: 'local',
    kind: 'local',
    label: 'local',
    phase: 'joined',
    peers: 0,
    adapters: 0,
    isOwner: false,
    isAdmin: false,
    isUnmet: false,
    downloadLimit: 0,
    uploadLimit: 0,
    ...part,
  };
}

export function peer(part: Partial<PeerState> = {}): PeerState {
  return { key: idOf('a'), name: 'ana', rooms: ['local'], path: 'lan', adapters: 1, ...part };
}

export function adapter(part: Partial<AdapterSummary> = {}): AdapterSummary {
  return {
    id: idOf('1'),
    name: 'ana/sql-coder',
    author: 'ana',
    format: 'peft',
    baseModel: 'meta-llama/Llama-3.2-3B',
    rank: 16,
    alpha: 32,
    targets: ['q_proj', 'v_proj'],
    bytes: 24_300_000,
    tags: [],
    ...part,
  };
}

export function entry(part: Partial<AdapterEntry> = {}): AdapterEntry {
  return { ...adapter(), rooms: ['local'], sources: [idOf('a')], isMine: false, isDownloaded: false, ...part };
}

export function transfer(part: Partial<TransferState> = {}): TransferState {
  return {
    id: idOf('1'),
    name: 'ana/sql-coder',
    direction: 'download',
    phase: 'running',
    bytesDone: 62_000_000,
    bytesTotal: 100_000_000,
    rate: 18_000_000,
    sources: 3,
    secondsLeft: 12,
    ...part,
  };
}
