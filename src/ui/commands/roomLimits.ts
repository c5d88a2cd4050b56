import { LoraSwarmError } from '../../engine/errors';
import type { RoomState } from '../../engine/state';
import { parseRate } from '../../engine/settings';
import { t } from '../l10n';
import type { UiParts } from '../parts';
import { roomLook } from '../roomWords';
import { askSteps, askText, type Step } from '../steps';
import type { Handler } from './register';
import { roomOf } from './rooms';

interface Draft {
  readonly download: string;
  readonly upload: string;
}

export function roomLimitCommands(parts: UiParts): Record<string, Handler> {
  return { limitRoom: (clicked) => limitRoom(parts, clicked) };
}

/** Two questions, filled in with what counts now. Nothing changes before the second one is answered. */
async function limitRoom(parts: UiParts, clicked: unknown): Promise<void> {
  const room = await roomOf(parts, clicked, t('Limit the Speed of a Room'), () => true);
  if (!room) return;
  const draft = await askSteps(t('Speed of {0}', roomLook(room).label), draftOf(room), [
    askLimit('download', t('Most that may come from this room in a second. Empty for no limit.')),
    askLimit('upload', t('Most that may go to this room in a second. Empty for no limit.')),
  ]);
  if (!draft) return;
  await parts.engine.wish('setRoomLimits', {
    room: room.id,
    download: rateOf(draft.download),
    upload: rateOf(draft.upload),
  });
}

function askLimit(direction: keyof Draft, prompt: string): Step<Draft> {
  return async (draft, place) => {
    const answer = await askText(place, { prompt, value: draft[direction], placeholder: '5MB', check: problemOf });
    return typeof answer === 'string' ? { ...draft, [direction]: answer } : answer;
  };
}

function draftOf({ downloadLimit, uploadLimit }: RoomState): Draft {
  return { download: textOf(downloadLimit), upload: textOf(uploadLimit) };
}

function textOf(bytesPerSecond: number): string {
  if (bytesPerSecond === 0) return '';
  return bytesPerSecond % 1e6 === 0 ? `${String(bytesPerSecond / 1e6)}MB` : `${String(bytesPerSecond / 1e3)}KB`;
}

function rateOf(text: string): number {
  return text === '' ? 0 : parseRate(text);
}

function problemOf(text: string): string | undefined {
  try {
    rateOf(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof LoraSwarmError)) throw error;
    return t('Write a size such as 5MB or 500KB.');
  }
}
