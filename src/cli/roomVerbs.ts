import { text } from 'node:stream/consumers';
import { usage } from './args';
import { facts, formatBytes, table } from './format';
import { ENDED } from '../engine/net/members/ended';
import { parseRate } from '../engine/settings';
import type { RoomState } from '../engine/state';
import type { RoomInvite } from '../engine/wishes';
import type { Output } from './output';
import type { Verb, VerbContext } from './verbContext';

/** A code is 28 characters and a link under 200; what is longer is no code. */
const MAX_CODE_CHARS = 1000;

export const rooms: Verb = async ({ engine, output, signal }) => {
  const client = await engine();
  const found = await client.wish('rooms', {}, { signal });
  const isLimited = found.rooms.some(({ downloadLimit, uploadLimit }) => downloadLimit + uploadLimit > 0);
  const rows = found.rooms.map((room) => [
    ...[room.id, room.kind, room.label, room.ended ?? room.phase, room.peers, room.adapters],
    ...(isLimited ? [rateText(room.downloadLimit), rateText(room.uploadLimit)] : []),
  ]);
  const header = ['ID', 'KIND', 'LABEL', 'PHASE', 'PEERS', 'ADAPTERS', ...(isLimited ? ['DOWN', 'UP'] : [])];
  output.result(
    found,
    rows.length === 0
      ? ['In no room. `lora-swarm room create LABEL` makes one.']
      : [...table(header, rows), ...found.rooms.flatMap(endedLines)],
  );
};

function endedLines({ label, ended }: RoomState): string[] {
  return ended ? [`${label}: ${ENDED[ended].detail} ${ENDED[ended].fix}`] : [];
}

export const roomJoin: Verb = async (context) => {
  const { args, engine, output, signal } = context;
  const room = await readRoom(context);
  const { name: label, wait } = args.options;
  const given = {
    ...(label === undefined ? {} : { label }),
    ...(wait === undefined ? {} : { waitMs: 1_000 * parseNumber('--wait', wait) }),
  };
  const client = await engine();
  const joined = await client.wish('joinRoom', { room, ...given }, { signal });
  output.result({ room: joined.id, ...joined }, [`Joined ${joined.label} (${joined.id}).`]);
};

export const roomCreate: Verb = async ({ args, engine, output, signal }) => {
  const [label] = args.words;
  const client = await engine();
  showInvite(output, await client.wish('createRoom', label === undefined ? {} : { label }, { signal }));
};

export const roomInvite: Verb = async ({ args, engine, output, signal }) => {
  const [room] = args.words as [string];
  const { once = false, cancel = false, hours } = args.options;
  if (hours !== undefined && !once) throw usage('--hours goes with --once.');
  if (cancel && once) throw usage('Either --once or --cancel.');
  const given = hours === undefined ? {} : { hours: parseNumber('--hours', hours) };
  const client = await engine();
  if (cancel) {
    const result = await client.wish('cancelInvites', { room }, { signal });
    output.result(result, [`Took back ${result.cancelled} one-time codes.`]);
  } else if (once) {
    const invite = await client.wish('roomInviteOnce', { room, ...given }, { signal });
    output.result(invite, [
      ...inviteLines(invite),
      `Admits one device until ${new Date(invite.expiresAt).toLocaleString()}, while an engine runs here: keep \`lora-swarm serve\` or your editor open.`,
    ]);
  } else {
    showInvite(output, await client.wish('roomInvite', { room }, { signal }));
  }
};

export const roomLeave: Verb = async ({ args, engine, output, signal }) => {
  const client = await engine();
  const { room } = await client.wish('leaveRoom', { room: args.words[0]! }, { signal });
  output.result({ room }, [`Left ${room}.`]);
};

/** Without an option it only says what the limits are. */
export const roomLimit: Verb = async ({ args, engine, output, signal }) => {
  const { down, up } = args.options;
  const limits = {
    ...(down === undefined ? {} : { download: parseRate(down) }),
    ...(up === undefined ? {} : { upload: parseRate(up) }),
  };
  const client = await engine();
  const room = await client.wish('setRoomLimits', { room: args.words[0]!, ...limits }, { signal });
  const { id, label, downloadLimit, uploadLimit } = room;
  output.result(
    { room: id, label, downloadLimit, uploadLimit },
    facts([
      ['room', label],
      ['down', rateText(downloadLimit)],
      ['up', rateText(uploadLimit)],
    ]),
  );
};

/** From the command, the environment or standard input: so that the code of a room need not be seen by other users. */
async function readRoom({ args, env, stdin }: VerbContext): Promise<string> {
  const [word] = args.words;
  const fromEnvironment = env['LORA_SWARM_ROOM_CODE'];
  const given = word === '-' ? (await text(stdin())).trim() : (word ?? fromEnvironment?.trim());
  if (!given) throw usage('Which room? Name general, local, or a code; - reads the code from standard input.');
  if (given.length > MAX_CODE_CHARS) throw usage('That is no room code.');
  return given;
}

function rateText(bytesPerSecond: number): string {
  return bytesPerSecond === 0 ? 'no limit' : `${formatBytes(bytesPerSecond)}/s`;
}

function parseNumber(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0 || value > 86_400)
    throw usage(`${option} takes a number above 0.`);
  return value;
}

function showInvite(output: Output, invite: RoomInvite): void {
  output.result(invite, inviteLines(invite));
}

export function inviteLines({ room, code, link }: RoomInvite): string[] {
  return facts([
    ['room', room],
    ['code', code],
    ['link', link],
  ]);
}
