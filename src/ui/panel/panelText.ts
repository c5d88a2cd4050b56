import type { AdapterLineage, ModelfileExtras } from '../../engine/deployWishes';
import { PANEL_TEXTS, type PanelTexts } from '../../shared/panelTexts';
import type { AdapterDetails, AdapterEntry, DoctorCheck, RoomState, TransferState } from '../../shared/panelProtocol';
import { engineText } from '../engineText';
import { t, type Translate } from '../l10n';
import { roomLook } from '../roomWords';
import { peerLines, peerText } from '../text';

// What the page shows is made plain here, before it leaves: the page then only has to keep text as text.

/** Two lines of a narrow panel. */
const MAX_TEXT = 200;
const MAX_SENTENCE = 600;
/** As on the wire. */
const MAX_LIST = 64;
/** 128 blocks of 16 modules; drawn wider than that nobody could tell them apart. */
const MAX_LAYERS = 2_048;
/** The card of a package is 64 KiB at most. */
const MAX_CARD = 65_536;
/** A release holds 2 KiB of each. */
const MAX_PROPOSAL = 8_192;

/** Every sentence of the page in the editor's language. Holes such as `{0}` stay for the page to fill. */
export function panelTexts(translate: Translate = t): PanelTexts {
  const entries = Object.entries(PANEL_TEXTS).map(([key, english]) => [key, translate(english)]);
  return Object.fromEntries(entries) as Record<keyof PanelTexts, string>;
}

export function plainEntry<E extends AdapterEntry>(entry: E): E {
  return {
    ...entry,
    name: peerText(entry.name, MAX_TEXT),
    author: peerText(entry.author, MAX_TEXT),
    ...plainFields(entry, ['baseModel', 'architecture', 'dtype', 'license']),
    targets: plainList(entry.targets),
    tags: plainList(entry.tags),
    ...(entry.verdict && {
      verdict: {
        ...entry.verdict,
        reason: engineText(entry.verdict.reason, MAX_SENTENCE),
        ...(entry.verdict.base !== undefined && { base: peerText(entry.verdict.base, MAX_TEXT) }),
      },
    }),
  };
}

export function plainDetails(details: AdapterDetails): AdapterDetails {
  return {
    ...plainEntry(details),
    ...plainFields(details, ['version', 'signerFingerprint']),
    ...(details.path !== undefined && { path: peerText(details.path, MAX_SENTENCE) }),
    ...(details.card !== undefined && { card: plainCard(details.card) }),
    ...(details.lineage && { lineage: plainLineage(details.lineage) }),
    ...(details.extras && { extras: plainExtras(details.extras) }),
    models: plainList(details.models),
    parents: plainList(details.parents),
    layers: details.layers
      .slice(0, MAX_LAYERS)
      .map(({ name, norm }) => ({ name: peerText(name, MAX_TEXT), norm: Number.isFinite(norm) ? norm : 0 })),
    problems: details.problems
      .slice(0, MAX_LIST)
      .map((problem) => ({ ...problem, message: engineText(problem.message, MAX_SENTENCE) })),
  };
}

function plainLineage({ parts, ...lineage }: AdapterLineage): AdapterLineage {
  return {
    ...lineage,
    parts: parts.slice(0, MAX_LIST).map((part) => ({
      ...part,
      ...(part.id !== undefined && { id: peerText(part.id, MAX_TEXT) }),
      ...(part.name !== undefined && { name: peerText(part.name, MAX_TEXT) }),
    })),
  };
}

function plainExtras({ system, template, parameters }: ModelfileExtras): ModelfileExtras {
  const plainValue = (value: Parameter): Parameter => {
    if (typeof value === 'object') return plainList(value);
    return typeof value === 'string' ? peerText(value, MAX_TEXT) : value;
  };
  const entries = Object.entries(parameters ?? {}).slice(0, MAX_LIST);
  return {
    ...(system !== undefined && { system: peerLines(system, MAX_PROPOSAL) }),
    ...(template !== undefined && { template: peerLines(template, MAX_PROPOSAL) }),
    ...(parameters && {
      parameters: Object.fromEntries(entries.map(([name, value]) => [peerText(name), plainValue(value)])),
    }),
  };
}

type Parameter = NonNullable<ModelfileExtras['parameters']>[string];

export function plainRoom(room: RoomState): RoomState {
  return { ...room, label: room.kind === 'private' ? peerText(room.label, MAX_TEXT) : roomLook(room).label };
}

export function plainTransfer(transfer: TransferState): TransferState {
  return {
    ...transfer,
    name: peerText(transfer.name, MAX_TEXT),
    ...(transfer.problem && {
      problem: { code: transfer.problem.code, message: engineText(transfer.problem.message, MAX_SENTENCE) },
    }),
  };
}

export function plainCheck(check: DoctorCheck): DoctorCheck {
  return {
    id: peerText(check.id, MAX_TEXT),
    ok: check.ok,
    detail: engineText(check.detail, MAX_SENTENCE),
    ...(check.fix !== undefined && { fix: engineText(check.fix, MAX_SENTENCE) }),
  };
}

/** The author's text as it may be shown: with its lines and indents. */
export function plainCard(card: string): string {
  return peerLines(card, MAX_CARD);
}

function plainList(values: readonly string[]): string[] {
  return values
    .slice(0, MAX_LIST)
    .map((value) => peerText(value))
    .filter((value) => value !== '');
}

function plainFields<T, K extends keyof T>(from: T, keys: readonly K[]): Partial<Record<K, string>> {
  const plain: Partial<Record<K, string>> = {};
  for (const key of keys) {
    const value = from[key];
    if (typeof value === 'string') plain[key] = peerText(value, MAX_TEXT);
  }
  return plain;
}
