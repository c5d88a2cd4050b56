import assert from 'node:assert/strict';
import { formatJoinCode, parseJoinCode } from '../../../src/engine/net/members/joinCode';
import { formatRoomCode, inviteLink, parseRoomCode } from '../../../src/engine/net/roomCode';
import { adapterLink, parseLink, readInvite } from '../../../src/ui/links';
import type { Random } from '../random';
import { tried, type Target } from '../target';
import { anyText, mutatedText } from '../values';

function secret(random: Random): Buffer {
  return Buffer.from(Array.from({ length: 16 }, () => random.below(256)));
}

function code(random: Random): string {
  return random.isOneIn(2) ? formatRoomCode(secret(random)) : formatJoinCode(secret(random));
}

/** One or two changes, or none. */
function changed(text: string, random: Random): Uint8Array {
  if (random.isOneIn(12)) return Buffer.from(anyText(random));
  let result = text;
  for (let count = random.below(3); count > 0; count--) result = mutatedText(result, random);
  return Buffer.from(result);
}

const text = (input: Uint8Array): string => Buffer.from(input).toString('utf8');

/** A code that is taken stands for one secret, and is written in one way. */
export const codes: Target = {
  name: 'room codes',
  open: () => ({
    make: (random) => changed(code(random), random),
    take: (input) => {
      const room = tried(['ROOM_CODE_INVALID'], () => {
        const found = parseRoomCode(text(input));
        assert.equal(found.byteLength, 16);
        assert.deepEqual(parseRoomCode(formatRoomCode(found)), found);
      });
      const join = tried(['ROOM_CODE_INVALID'], () => {
        const found = parseJoinCode(text(input));
        assert.equal(found.byteLength, 16);
        assert.deepEqual(parseJoinCode(formatJoinCode(found)), found);
      });
      assert.ok(room === 'refused' || join === 'refused', 'a code of both kinds');
      return room === 'accepted' || join === 'accepted' ? 'accepted' : 'refused';
    },
  }),
};

/** Any web page may open a link, and anybody may paste one. */
export const links: Target = {
  name: 'links',
  open: () => ({
    make: (random) => {
      const id = secret(random).toString('hex').repeat(2);
      const room = random.pick([undefined, 'general', 'local', '0123456789abcdef']);
      const sound = random.isOneIn(2) ? inviteLink('vscode', code(random)) : adapterLink('vscodium', id, room);
      return changed(random.isOneIn(4) ? `${sound}&code=${id}&x=%zz` : sound, random);
    },
    take: (input) => {
      const pasted = text(input);
      const invite = readInvite(pasted);
      if (invite !== undefined) assert.equal(readInvite(inviteLink('vscode', invite)), invite);
      const [, path = '', query = ''] = /^[^?]*?\/\/[^/]*([^?]*)\??([^]*)$/.exec(pasted) ?? [];
      const link = parseLink(path, query);
      if (link?.kind === 'adapter') {
        const [, after = ''] = adapterLink('vscode', link.id, link.room).split('?');
        assert.deepEqual(parseLink('/adapter', after), link);
      }
      return invite === undefined && link === undefined ? 'refused' : 'accepted';
    },
  }),
};
