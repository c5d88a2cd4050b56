import type { EngineState } from '../engine/state';
import type { AdapterDetails, AdapterEntry, DoctorCheck } from '../engine/wishes';
import { parseCompare, type CompareIntent, type CompareRun } from './compareProtocol';
import { parseMerge, parseMergeKeys, type MergeIntent, type MergeShown } from './mergeProtocol';
import { isContentId, isCount, isModelName, isRoomId, isText, record } from './panelFields';
import type { PanelTexts } from './panelTexts';
import {
  parseTransferIntent,
  parseTransferPlace,
  type TransferIntent,
  type TransferPlace,
  type TransferShown,
} from './transferProtocol';

// The webview imports these from here: it knows no folder but this one.
export type {
  RoomState,
  TransferDetails,
  TransferPeerState,
  TransferState,
  VerdictKind,
  VerdictState,
} from '../engine/state';
export type { AdapterDetails, AdapterEntry, DoctorCheck } from '../engine/wishes';
export type { CompareSide, MergeMethod, ModelfileExtras } from '../engine/deployWishes';

/** Entries the webview may ask for at once. Half of what the engine gives, so a page stays near 60 KB. */
export const MAX_LIST_LIMIT = 100;
/** Entries of one catalog: 64 peers of 500 entries, rounded up. Bounds `offset`. */
export const MAX_LIST_OFFSET = 100_000;
/** Ranks past this are damage, not adapters: the widest layers in use have 53,248 features. */
const MAX_RANK = 65_536;
/** A package is 4 GiB at most. */
const MAX_BYTES = 4 * 1024 ** 3;

export type PanelPage =
  /** `room`: only what is offered there, whatever was searched for before. */
  | { readonly page: 'explore'; readonly room?: string }
  | { readonly page: 'adapter'; readonly id: string }
  | TransferPlace
  /** With what is chosen at the start. */
  | { readonly page: 'compare'; readonly base?: string; readonly model?: string }
  /** `parts`: keys of adapters that are chosen at the start, see `mergeProtocol.ts`. */
  | { readonly page: 'merge'; readonly parts?: readonly string[] }
  | { readonly page: 'doctor' };

/** A model of the local Ollama. */
export interface PanelModel {
  readonly name: string;
  /** The model that it was made from, when it carries an adapter. */
  readonly base?: string;
}

/** What the Explore page filters by. Absent means any. */
export interface PanelQuery {
  readonly search?: string;
  /** Part of a base model's name. */
  readonly base?: string;
  /** Id of a joined room. */
  readonly room?: string;
  /** A local model's name, or `*` for whichever of them. */
  readonly fits?: string;
  readonly minRank?: number;
  readonly maxRank?: number;
  readonly maxBytes?: number;
}

/** The part of the engine's state that the panel draws. Peers and the library may be long, and no page needs them. */
export interface PanelEngine extends Pick<EngineState, 'network' | 'rooms' | 'transfers' | 'ollama'> {
  readonly peerCount: number;
  readonly catalogRevision: number;
}

/** Extension to webview. Each message is the whole of one slice, so a panel that opens late needs no replay. */
export type ToPanel =
  /** First, once per page load. `language` is a BCP 47 tag for numbers and plurals. */
  | { readonly type: 'texts'; readonly language: string; readonly texts: PanelTexts }
  | { readonly type: 'page'; readonly page: PanelPage }
  | { readonly type: 'engine'; readonly engine: PanelEngine }
  /** The local models. */
  | { readonly type: 'models'; readonly models: readonly PanelModel[] }
  /** One window of the list of `query`. A later query makes earlier windows stale. */
  | {
      readonly type: 'list';
      readonly query: PanelQuery;
      readonly offset: number;
      readonly total: number;
      readonly adapters: readonly AdapterEntry[];
    }
  /** `connected`: how many of its sources are. The others are only heard of. */
  | {
      readonly type: 'adapter';
      readonly id: string;
      readonly details?: AdapterDetails;
      readonly connected?: number;
      readonly problem?: string;
    }
  | { readonly type: 'doctor'; readonly isRunning: boolean; readonly checks: readonly DoctorCheck[] }
  | { readonly type: 'compare'; readonly run: CompareRun }
  | { readonly type: 'merge'; readonly merge: MergeShown }
  | { readonly type: 'transfer'; readonly shown: TransferShown }
  /** Something the user asked for here failed: one sentence that says what to do. */
  | { readonly type: 'problem'; readonly message: string };

/** What a button of an adapter asks for. */
export const ADAPTER_INTENTS = [
  'download',
  'pause',
  'resume',
  'cancel',
  'install',
  'mergeIntoBase',
  'compareWithBase',
  'copyLink',
  'copyId',
] as const;
export type AdapterIntent = (typeof ADAPTER_INTENTS)[number];

/** What a button of an empty page asks for. A closed list: the webview never names a command. */
export const PANEL_ACTIONS = [
  'joinLocalRoom',
  'createRoom',
  'joinRoom',
  'joinGeneralRoom',
  'shareAdapter',
  'openSettings',
  'showLog',
] as const;
export type PanelAction = (typeof PANEL_ACTIONS)[number];

/** Webview to extension: what the user asked for. The answer is the next state. */
export type FromPanel =
  | { readonly type: 'ready' }
  | { readonly type: 'open'; readonly page: PanelPage }
  | { readonly type: 'list'; readonly query: PanelQuery; readonly offset: number; readonly limit: number }
  | { readonly type: AdapterIntent; readonly id: string }
  | { readonly type: 'doctor' }
  | CompareIntent
  | MergeIntent
  | TransferIntent
  | { readonly type: 'run'; readonly action: PanelAction };

/** The webview is a browser page, so what it posts is input like any other. Never throws; unknown fields are dropped. */
export function parseFromPanel(value: unknown): FromPanel | undefined {
  const from = record(value);
  if (!from) return undefined;
  const type = from['type'];
  switch (type) {
    case 'ready':
    case 'doctor':
      return { type };
    case 'open': {
      const page = parsePage(from['page']);
      return page && { type, page };
    }
    case 'list':
      return parseList(from);
    case 'compare':
    case 'stopCompare':
      return parseCompare(from);
    case 'merge':
    case 'stopMerge':
    case 'browseAdapter':
    case 'mergeResult':
      return parseMerge(from);
    case 'moveDownload':
      return parseTransferIntent(from);
    case 'run': {
      const action = PANEL_ACTIONS.find((item) => item === from['action']);
      return action && { type, action };
    }
    default: {
      const intent = ADAPTER_INTENTS.find((item) => item === type);
      const id = from['id'];
      return intent && isContentId(id) ? { type: intent, id } : undefined;
    }
  }
}

/** Reads a page, also from the state that the editor kept for a restored panel. */
export function parsePage(value: unknown): PanelPage | undefined {
  const from = record(value);
  const page = from?.['page'];
  switch (page) {
    case 'doctor':
      return { page };
    case 'explore': {
      const room = from?.['room'];
      return isRoomId(room) ? { page, room } : { page };
    }
    case 'adapter': {
      const id = from?.['id'];
      return isContentId(id) ? { page, id } : undefined;
    }
    case 'transfer':
      return from && parseTransferPlace(from);
    case 'compare':
      return parseComparePage(from?.['base'], from?.['model']);
    case 'merge':
      return parseMergePage(from?.['parts']);
    default:
      return undefined;
  }
}

function parseComparePage(base: unknown, model: unknown): PanelPage | undefined {
  if (base !== undefined && !isModelName(base)) return undefined;
  if (model !== undefined && !isModelName(model)) return undefined;
  return { page: 'compare', ...(base === undefined ? {} : { base }), ...(model === undefined ? {} : { model }) };
}

function parseMergePage(value: unknown): PanelPage | undefined {
  if (value === undefined) return { page: 'merge' };
  const parts = parseMergeKeys(value);
  return parts && { page: 'merge', parts };
}

/** Reads a query, also from the page's own saved state. */
export function parseQuery(value: unknown): PanelQuery | undefined {
  const from = record(value);
  if (!from) return undefined;
  const { search, base, room, fits, minRank, maxRank, maxBytes } = from;
  if (!isText(search) || !isText(base) || !isText(fits)) return undefined;
  if (room !== undefined && !isRoomId(room)) return undefined;
  if (!isCount(minRank, MAX_RANK) || !isCount(maxRank, MAX_RANK) || !isCount(maxBytes, MAX_BYTES)) return undefined;
  return {
    ...(search === undefined ? {} : { search }),
    ...(base === undefined ? {} : { base }),
    ...(room === undefined ? {} : { room }),
    ...(fits === undefined ? {} : { fits }),
    ...(minRank === undefined ? {} : { minRank }),
    ...(maxRank === undefined ? {} : { maxRank }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  };
}

const TO_PANEL_TYPES: readonly string[] = [
  'texts',
  'page',
  'engine',
  'models',
  'list',
  'adapter',
  'doctor',
  'compare',
  'merge',
  'transfer',
  'problem',
] satisfies ToPanel['type'][];

/** A cheap look at what reaches the page: the extension is trusted, other senders of `message` events are not known. */
export function parseToPanel(value: unknown): ToPanel | undefined {
  const type = record(value)?.['type'];
  return typeof type === 'string' && TO_PANEL_TYPES.includes(type) ? (value as ToPanel) : undefined;
}

/** Whether two queries ask for the same list. */
export function isSameQuery(a: PanelQuery, b: PanelQuery): boolean {
  return (
    a.search === b.search &&
    a.base === b.base &&
    a.room === b.room &&
    a.fits === b.fits &&
    a.minRank === b.minRank &&
    a.maxRank === b.maxRank &&
    a.maxBytes === b.maxBytes
  );
}

function parseList(from: Readonly<Record<string, unknown>>): FromPanel | undefined {
  const query = parseQuery(from['query']);
  const { offset, limit } = from;
  if (!query || offset === undefined || limit === undefined || limit === 0) return undefined;
  if (!isCount(offset, MAX_LIST_OFFSET) || !isCount(limit, MAX_LIST_LIMIT)) return undefined;
  return { type: 'list', query, offset, limit };
}
