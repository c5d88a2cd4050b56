import { comparableFingerprint } from '../../engine/net/members/fingerprint';
import type { EngineState, PeerState, RoomState, SharedState, VerdictKind } from '../../engine/state';
import type { AdapterEntry } from '../../engine/wishes';
import { engineText } from '../engineText';
import { countAdapters, factLines, formatRate, joinKnown, offerFacts, shortFacts, shortKey } from '../facts';
import { t } from '../l10n';
import { countInRoom, roomLook, roomPromise, whatOthersSee } from '../roomWords';
import { elementId } from '../targets';
import { peerText } from '../text';
import type { Branch } from './branch';

/** Rooms this small open by themselves, so that a first visitor sees adapters and not closed folders. */
const MAX_OPENED_PEERS = 8;

/** Joined rooms with the peers in them. What a peer offers is asked for when its row is opened. */
export function roomBranches(state: EngineState): Branch[] {
  return [...state.rooms].sort(byKindThenLabel).map((room) => roomBranch(room, state));
}

function roomBranch(room: RoomState, state: EngineState): Branch {
  const peers = state.peers.filter((peer) => peer.rooms.includes(room.id)).sort(byOffersThenName(room));
  const mine = state.shared.filter((adapter) => adapter.rooms.includes(room.id));
  const isOpened = peers.length <= MAX_OPENED_PEERS;
  const children = [
    ...(room.kind === 'general' && room.adapters > 0 ? [allBranch(room)] : []),
    ...(mine.length > 0 ? [myBranch(room, mine)] : []),
    ...peers.map((peer) => peerBranch(room, peer, isOpened)),
  ];
  const { icon, label } = roomLook(room);
  const ended = room.ended && endedWords(room.ended);
  const phase = ended?.short ?? { joined: undefined, joining: t('joining…'), offline: t('offline') }[room.phase];
  const numbers = joinKnown([countInRoom(room), room.adapters > 0 ? countAdapters(room.adapters) : undefined]);
  return {
    id: elementId.room(room.id),
    label,
    description: phase ?? numbers,
    icon,
    ...(room.phase === 'offline' ? { color: 'list.warningForeground' } : {}),
    context: room.kind === 'private' ? `room.private.${room.isAdmin ? 'owner' : 'member'}` : `room.${room.kind}`,
    tooltip: joinKnown(
      [
        label,
        roomPromise(room),
        whatOthersSee(state.identity),
        ended?.long ?? phase,
        numbers,
        room.isUnmet ? unmetWords() : undefined,
        limitsOf(room),
      ],
      '\n',
    ),
    // Also when nobody is there: a row that first was no parent may stay closed when the first peer comes.
    isExpanded: true,
    children,
  };
}

function limitsOf({ downloadLimit, uploadLimit }: RoomState): string {
  return joinKnown([
    downloadLimit > 0 ? t('at most {0} down', formatRate(downloadLimit)) : undefined,
    uploadLimit > 0 ? t('at most {0} up', formatRate(uploadLimit)) : undefined,
  ]);
}

function endedWords(ended: NonNullable<RoomState['ended']>): { readonly short: string; readonly long: string } {
  switch (ended) {
    case 'removed':
      return {
        short: t('you were removed'),
        long: t('You were removed from this room. What you have of it stays with you. An admin can invite you again.'),
      };
    case 'moved':
      return {
        short: t('moved to another key'),
        long: t('Your key moved on to another one, which has your place in this room.'),
      };
    case 'revoked':
      return {
        short: t('key revoked'),
        long: t(
          'Your key, or one that you had before, was revoked. Move to a new key, then ask an admin for an invite.',
        ),
      };
    case 'over':
      return {
        short: t('over'),
        long: t(
          'The key of who created this room was revoked, so nobody can say any more who belongs to it. Create a new room and invite the others.',
        ),
      };
  }
}

function unmetWords(): string {
  return t('Nobody of this room was met yet: there may be no such room, the code may be wrong, or all are away.');
}

/** Below it are those who are connected. Most of what a large room offers is heard of through them, and stands nowhere else. */
function allBranch(room: RoomState): Branch {
  return {
    id: elementId.all(room.id),
    label: t('All adapters of the room'),
    description: String(room.adapters),
    icon: 'search',
    context: 'all',
    tooltip: t(
      'Also those of peers that you are not connected to, as others tell of them. Whoever has one is connected when you download it.',
    ),
    command: { id: 'loraSwarm.explore', argument: elementId.room(room.id) },
  };
}

function myBranch(room: RoomState, shared: readonly SharedState[]): Branch {
  return {
    id: `me:${room.id}`,
    label: t('You'),
    description: countAdapters(shared.length),
    icon: 'account',
    color: 'charts.blue',
    context: 'me',
    tooltip: t('What you share in this room.'),
    isExpanded: false,
    children: shared.map((adapter) => ({
      id: elementId.offer(room.id, 'me', adapter.id),
      label: peerText(adapter.name),
      description: shortFacts(adapter),
      icon: 'layers-active',
      context: 'offer.mine',
      tooltip: factLines(adapter).join('\n'),
      command: { id: 'loraSwarm.openAdapter', argument: { id: adapter.id, room: room.id } },
    })),
  };
}

function peerBranch(room: RoomState, peer: PeerState, isOpened: boolean): Branch {
  const path = { lan: t('local network'), direct: t('direct'), relay: t('relayed') }[peer.path];
  const offered = offeredIn(room, peer);
  const rtt = peer.rttMs === undefined ? undefined : t('{0} ms', Math.round(peer.rttMs));
  return {
    id: elementId.peer(room.id, peer.key, offered === 0),
    label: joinKnown([peerText(peer.petname ?? peer.name, 40), shortKey(peer.key)]),
    description: offered === 0 ? t('no adapters') : countAdapters(offered),
    icon: peer.isVerified ? 'verified' : 'account',
    ...(peer.isVerified ? { spoken: t('verified') } : {}),
    context: room.isAdmin && room.kind === 'private' ? 'peer.removable' : 'peer',
    // The round trip is left out of the row: it changes all the time and would redraw it.
    tooltip: joinKnown(
      [
        peerText(peer.name),
        peer.key,
        t('Fingerprint {0}', comparableFingerprint(Buffer.from(peer.key, 'hex'))),
        peer.isVerified ? t('Verified: you compared the fingerprint, or one of you invited the other.') : undefined,
        joinKnown([path, rtt]),
      ],
      '\n',
    ),
    isExpanded: isOpened,
    ...(offered > 0 ? { children: 'later' as const } : {}),
  };
}

const VERDICT_COLORS: Readonly<Record<VerdictKind, string>> = {
  exact: 'testing.iconPassed',
  'same-shape': 'charts.yellow',
  'base-missing': 'disabledForeground',
  unfit: 'testing.iconFailed',
};
const VERDICT_ORDER: readonly (VerdictKind | undefined)[] = ['exact', 'same-shape', undefined, 'base-missing', 'unfit'];

/** One page of what a peer offers: what fits a base that is here first, then by name. */
export function offerBranches(room: string, key: string, entries: readonly AdapterEntry[]): Branch[] {
  return [...entries].sort(byVerdictThenName).map((entry) => ({
    id: elementId.offer(room, key, entry.id),
    label: peerText(entry.name),
    description: joinKnown([
      entry.isRevoked ? t('revoked') : undefined,
      entry.isDownloaded ? t('downloaded') : undefined,
      offerFacts(entry),
    ]),
    icon: entry.isRevoked ? 'warning' : entry.isDownloaded || entry.isMine ? 'layers-active' : 'layers',
    ...(entry.isRevoked
      ? { color: 'list.warningForeground' }
      : entry.verdict
        ? { color: VERDICT_COLORS[entry.verdict.verdict] }
        : {}),
    context: entry.isMine ? 'offer.mine' : entry.isDownloaded ? 'offer.here' : 'offer.new',
    tooltip: [...factLines(entry), ...(entry.verdict ? ['', engineText(entry.verdict.reason, 300)] : [])].join('\n'),
    command: { id: 'loraSwarm.openAdapter', argument: { id: entry.id, room } },
  }));
}

/** The row behind the last page that was read. */
export function moreBranch(parent: string, left: number): Branch {
  return {
    id: `more:${parent}`,
    label: t('Show more'),
    description: t('{0} left', left),
    icon: 'ellipsis',
    context: 'more',
    tooltip: t('Search is faster: LoRA Swarm: Download Adapter…'),
    command: { id: 'loraSwarm.showMore', argument: parent },
  };
}

function byVerdictThenName(a: AdapterEntry, b: AdapterEntry): number {
  const rank = (entry: AdapterEntry): number => VERDICT_ORDER.indexOf(entry.verdict?.verdict);
  return rank(a) - rank(b) || compare(a.name, b.name) || compare(a.id, b.id);
}

const KIND_ORDER: readonly RoomState['kind'][] = ['general', 'local', 'private'];

function byKindThenLabel(a: RoomState, b: RoomState): number {
  return KIND_ORDER.indexOf(a.kind) - KIND_ORDER.indexOf(b.kind) || compare(a.label, b.label) || compare(a.id, b.id);
}

/** Who offers something comes first: in a large room most only look. */
function byOffersThenName(room: RoomState): (a: PeerState, b: PeerState) => number {
  const isEmpty = (peer: PeerState): number => (offeredIn(room, peer) > 0 ? 0 : 1);
  return (a, b) => isEmpty(a) - isEmpty(b) || compare(a.name, b.name) || compare(a.key, b.key);
}

function offeredIn(room: RoomState, { adapters, adaptersIn }: PeerState): number {
  return adaptersIn ? (adaptersIn[room.id] ?? 0) : adapters;
}

/** Plain code order: the same on every machine, and cheap for thousands of names. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
