import { statfs } from 'node:fs/promises';
import { isLoopback } from '../net/address';
import { ENDED } from '../net/members/ended';
import type { Rooms } from '../net/rooms';
import { ollamaChecks } from '../ollama/doctor';
import type { DoctorCheck } from '../wishes';
import type { EngineParts } from './parts';

/** Less than this and the next download is likely to end in the middle. */
const LOW_SPACE_BYTES = 2_000_000_000;
const OLLAMA_MS = 5_000;

export type DoctorParts = Pick<
  EngineParts,
  'store' | 'rooms' | 'swarm' | 'ollama' | 'settings' | 'registry' | 'identity'
> & { readonly host: string | undefined };

/** A room needs this long to find its peers after a start. */
const SETTLE_MS = 4_000;

/** Looks at everything that keeps adapters from moving, and says for each what to do. "0 peers" gets a cause. */
export async function examine(parts: DoctorParts): Promise<DoctorCheck[]> {
  await settle(parts.rooms);
  const rooms = parts.rooms.states(() => 0);
  return [
    await checkSpace(parts),
    checkNetwork(parts),
    ...rooms.map((room) => checkRoom(parts, room)),
    ...(rooms.length === 0
      ? [
          {
            id: 'rooms',
            ok: false,
            detail: 'You are in no room, so there are no peers.',
            fix: 'Join the room of the local network, a private room by its code, or the general room.',
          },
        ]
      : []),
    checkPeers(parts),
    await checkSources(parts),
    ...(await ollamaChecks(parts.ollama.url, AbortSignal.timeout(OLLAMA_MS))),
  ];
}

/** Right after a start nobody can have been found yet, and "0 peers" would be no answer. */
async function settle(rooms: Rooms): Promise<void> {
  const isSettled = (): boolean =>
    rooms.peers.states(() => 0).length > 0 || rooms.states(() => 0).every(({ phase }) => phase !== 'joining');
  if (isSettled()) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      listening.dispose();
      resolve();
    };
    const timer = setTimeout(end, SETTLE_MS);
    const listening = rooms.onDidChange(() => isSettled() && end());
  });
}

async function checkSpace({ store }: DoctorParts): Promise<DoctorCheck> {
  const { bavail, bsize } = await statfs(store.paths.home);
  const free = bavail * bsize;
  const ok = free > LOW_SPACE_BYTES;
  const detail = `${(free / 1e9).toFixed(1)} GB free at ${store.paths.home}`;
  return ok
    ? { id: 'disk', ok, detail }
    : { id: 'disk', ok, detail, fix: 'Free some space, or choose another folder in the setting storage.path.' };
}

function checkNetwork({ settings, swarm, rooms, host }: DoctorParts): DoctorCheck {
  const mode = settings()['network.mode'];
  if (mode === 'off')
    return {
      id: 'network',
      ok: false,
      detail: 'The network is switched off.',
      fix: 'Set network.mode to all, local or private.',
    };
  const needsDht = rooms.states(() => 0).some(({ kind }) => kind !== 'local');
  if (!swarm.isRunning) return { id: 'network', ok: true, detail: 'Nothing is joined yet, so no socket is open.' };
  if (!needsDht)
    return { id: 'network', ok: true, detail: `Listening on UDP port ${swarm.port}, on the local network only.` };
  const nodes = swarm.dhtNodes;
  if (nodes > 0)
    return { id: 'network', ok: true, detail: `Listening on UDP port ${swarm.port}; ${nodes} DHT nodes are known.` };
  const isClosed = host !== undefined && isLoopback(host);
  return {
    id: 'network',
    ok: false,
    detail: 'No DHT node answers, so peers of the internet are not found.',
    fix: isClosed
      ? 'This engine is bound to loopback: name a bootstrap node that runs on this machine.'
      : 'Check the internet connection and whether a firewall blocks UDP. The room of the local network works without.',
  };
}

function checkRoom({ rooms }: DoctorParts, room: ReturnType<DoctorParts['rooms']['states']>[number]): DoctorCheck {
  const id = `room ${room.label}`;
  if (room.ended) return { id, ok: false, ...ENDED[room.ended] };
  if (room.phase === 'offline') {
    const fix =
      room.kind === 'local'
        ? 'Connect to a network, or allow multicast in the firewall.'
        : 'See the network check, and whether network.mode allows this kind of room.';
    return { id, ok: false, detail: 'Joined, but nothing carries it.', fix };
  }
  if (rooms.peers.count(room.id) > 0) return { id, ok: true, detail: `${room.peers} connected` };
  if (room.phase === 'joining') return { id, ok: true, detail: 'Still joining. Announcing takes a few seconds.' };
  const fix =
    room.kind === 'private'
      ? 'The others must be online with the same code: compare it with "Copy Invite".'
      : room.kind === 'local'
        ? 'Others must have joined their local network room, on the same network, with multicast allowed.'
        : 'Nobody else is here now.';
  return { id, ok: true, detail: 'Joined; no peer is there now.', fix };
}

function checkPeers({ rooms }: DoctorParts): DoctorCheck {
  const peers = rooms.peers.states(() => 0);
  if (peers.length === 0) return { id: 'peers', ok: true, detail: '0 peers. The checks above say why.' };
  const lan = peers.filter(({ path }) => path === 'lan').length;
  return { id: 'peers', ok: true, detail: `${peers.length} connected, ${lan} of them on the local network` };
}

async function checkSources({ registry }: DoctorParts): Promise<DoctorCheck> {
  await registry.checkSources();
  const shared = registry.list();
  const broken = shared.filter(({ phase }) => phase === 'changed' || phase === 'missing');
  if (broken.length === 0) return { id: 'shared', ok: true, detail: `${shared.length} adapters are shared` };
  return {
    id: 'shared',
    ok: false,
    detail: `Not what was shared any more, so not served: ${broken.map(({ weightsPath }) => weightsPath).join(', ')}`,
    fix: 'Share them again, or put the files back.',
  };
}
