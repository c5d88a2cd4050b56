import type { TransferDetails, TransferPeerState } from '../../engine/state';
import { FULL_CELL, MAX_MAP_CELLS, MAX_TRANSFER_PEERS, RATE_SECONDS } from '../../shared/transferProtocol';
import { peerText } from '../text';
import { plainTransfer } from './panelText';

/** 64 hex digits of a key. */
const MAX_KEY = 64;

/** The details of a transfer as the page may have them: names made plain, lists cut, figures that are figures. */
export function plainTransferDetails(details: TransferDetails): TransferDetails {
  return {
    transfer: plainTransfer(details.transfer),
    chunks: count(details.chunks),
    held: details.held.slice(0, MAX_MAP_CELLS).map(cell),
    asked: details.asked.slice(0, MAX_MAP_CELLS).map(cell),
    peers: details.peers.slice(0, MAX_TRANSFER_PEERS).map(plainPeer),
    rates: details.rates.slice(-RATE_SECONDS).map(count),
  };
}

function plainPeer(peer: TransferPeerState): TransferPeerState {
  return {
    key: peerText(peer.key, MAX_KEY),
    name: peerText(peer.name),
    path: peer.path,
    phase: peer.phase,
    rate: count(peer.rate),
    bytes: count(peer.bytes),
    has: Math.min(1, count(peer.has)),
    ...(peer.rttMs === undefined ? {} : { rttMs: count(peer.rttMs) }),
  };
}

const count = (value: number): number => (Number.isFinite(value) && value > 0 ? value : 0);
const cell = (value: number): number => Math.min(FULL_CELL, count(value));
