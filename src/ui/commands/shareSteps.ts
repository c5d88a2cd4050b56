import type { ModelfileExtra, ModelfileExtras } from '../../engine/deployWishes';
import type { RoomState } from '../../engine/state';
import type { Inspection, ShareRequest } from '../../engine/wishes';
import { t } from '../l10n';
import { askPick, askText, BACK, LEFT, type Step } from '../steps';
import { isAdapterName, peerText } from '../text';
import { extraRows } from './installExtras';
import { inspectionFacts, inspectionNotes } from './inspection';
import { roomPromise } from '../roomWords';
import { roomItem } from './rooms';

/** What the user is asked before anything leaves the machine. */
export interface ShareDraft {
  readonly name: string;
  readonly base: string;
  readonly license: string;
  readonly tags: readonly string[];
  readonly rooms: readonly string[];
  /** Of the Modelfile beside the weights, what goes along as a proposal. */
  readonly extras: readonly ModelfileExtra[];
}

/** Limits of a release. */
const MAX_BASE = 200;
const MAX_TAGS = 10;
const MAX_TAG = 32;
const MAX_LICENSE = 80;
/** What adapters are most often released under; anything else can be typed. */
const LICENSES = ['apache-2.0', 'mit', 'cc-by-4.0', 'cc-by-nc-4.0', 'llama3.2', 'gemma', 'openrail'];

/** The questions in order. The base is only asked for when no file names it, proposals when there is a Modelfile. */
export function shareSteps(
  found: Inspection,
  rooms: readonly RoomState[],
  modelfile: ModelfileExtras | undefined,
): Step<ShareDraft>[] {
  return [
    factsStep(found),
    nameStep,
    ...(found.baseModel === undefined ? [baseStep] : []),
    licenseStep(found),
    tagsStep,
    ...(modelfile ? [modelfileStep(modelfile)] : []),
    roomsStep(rooms),
  ];
}

export function shareRequest(
  found: Inspection,
  draft: ShareDraft,
  modelfile: ModelfileExtras | undefined,
): ShareRequest {
  const extras = Object.fromEntries(draft.extras.map((extra) => [extra, modelfile?.[extra]])) as ModelfileExtras;
  return {
    path: found.path,
    rooms: draft.rooms,
    name: draft.name,
    tags: draft.tags,
    ...(found.baseModel === undefined ? { base: draft.base } : {}),
    ...(draft.license === '' ? {} : { license: draft.license }),
    ...(draft.extras.length === 0 ? {} : { extras }),
  };
}

function factsStep(found: Inspection): Step<ShareDraft> {
  return async (draft, place) => {
    const go = { label: `$(arrow-right) ${t('Continue')}`, detail: inspectionFacts(found), alwaysShow: true };
    const items = [go, ...inspectionNotes(found)];
    for (;;) {
      const answer = await askPick(place, { items, placeholder: t('This was found'), chosen: [go] });
      if (answer === BACK || answer === LEFT) return answer;
      if (answer[0] === go) return draft;
      // Enter on a note only reads it.
    }
  };
}

const nameStep: Step<ShareDraft> = async (draft, place) => {
  const name = await askText(place, {
    prompt: t('Name, as author/name'),
    value: draft.name,
    check: (text) =>
      isAdapterName(text)
        ? undefined
        : t('Letters, digits, dot, dash and underscore, at most 64 on each side of one slash.'),
  });
  return name === BACK || name === LEFT ? name : { ...draft, name };
};

const baseStep: Step<ShareDraft> = async (draft, place) => {
  const base = await askText(place, {
    prompt: t('Which base model was it trained on? No file says it.'),
    value: draft.base,
    placeholder: 'meta-llama/Llama-3.2-3B-Instruct',
    check: (text) =>
      text === '' || text.length > MAX_BASE ? t('Without the base model nobody can use the adapter.') : undefined,
  });
  return base === BACK || base === LEFT ? base : { ...draft, base };
};

function licenseStep(found: Inspection): Step<ShareDraft> {
  const fromCard = peerText(found.license);
  return async (draft, place) => {
    const known = [...new Set([...(fromCard ? [fromCard] : []), ...LICENSES])];
    const items = [
      ...known.map((license) => ({
        label: license,
        description: license === fromCard ? t('from the card') : '',
        license,
      })),
      { label: t('No licence'), description: t('nobody may do more with it than the law allows'), license: '' },
      { label: t('Another licence…'), description: '', license: undefined },
    ];
    const chosen = items.filter(({ license }) => license === draft.license);
    const answer = await askPick(place, { items, placeholder: t('Licence of the adapter'), chosen });
    if (answer === BACK || answer === LEFT) return answer;
    const license = answer[0]?.license;
    if (license !== undefined) return { ...draft, license };
    const typed = await askText(place, {
      prompt: t('Licence identifier'),
      check: (text) => (text.length > MAX_LICENSE ? t('At most {0} characters.', MAX_LICENSE) : undefined),
    });
    return typed === BACK || typed === LEFT ? typed : { ...draft, license: typed };
  };
}

const tagsStep: Step<ShareDraft> = async (draft, place) => {
  const text = await askText(place, {
    prompt: t('Tags, separated by commas (may be empty)'),
    value: draft.tags.join(', '),
    placeholder: 'sql, code',
    check: (value) => {
      const tags = readTags(value);
      return tags.length > MAX_TAGS || tags.some((tag) => tag.length > MAX_TAG)
        ? t('At most {0} tags of {1} characters.', MAX_TAGS, MAX_TAG)
        : undefined;
    },
  });
  return text === BACK || text === LEFT ? text : { ...draft, tags: readTags(text) };
};

/** Nothing is ticked: a system prompt may say more about a project than its author wants others to read. */
function modelfileStep(modelfile: ModelfileExtras): Step<ShareDraft> {
  return async (draft, place) => {
    const items = extraRows(modelfile);
    const answer = await askPick(place, {
      items,
      placeholder: t('A Modelfile lies beside it. Tick what goes along as a proposal; none is fine.'),
      isMany: true,
      least: 0,
      chosen: items.filter(({ extra }) => draft.extras.includes(extra)),
    });
    return answer === BACK || answer === LEFT ? answer : { ...draft, extras: answer.map(({ extra }) => extra) };
  };
}

export function readTags(text: string): string[] {
  const tags = text.split(',').map((tag) => peerText(tag, MAX_TAG + 1).toLowerCase());
  return [...new Set(tags.filter((tag) => tag !== ''))];
}

function roomsStep(rooms: readonly RoomState[]): Step<ShareDraft> {
  return async (draft, place) => {
    const items = rooms.map((room) => ({ ...roomItem(room), detail: roomPromise({ ...room, isAdmin: false }) }));
    const answer = await askPick(place, {
      items,
      placeholder: t('Rooms in which it is offered'),
      isMany: true,
      chosen: items.filter(({ room }) => draft.rooms.includes(room.id)),
    });
    if (answer === BACK || answer === LEFT) return answer;
    return { ...draft, rooms: answer.map(({ room }) => room.id) };
  };
}
