import type { AdapterDetails, PanelEngine } from '../src/shared/panelProtocol';
import type { PanelTexts } from '../src/shared/panelTexts';
import { el, foreign, type Child } from './dom';
import { METHOD_NAMES } from './methods';
import { verdictMark } from './verdict';
import type { Words } from './words';

/** The facts of an adapter, base and verdict first. What no file says is "not stated", never a guess. */
export function factsTable(
  words: Words,
  details: AdapterDetails,
  engine: PanelEngine | undefined,
  connected?: number,
): HTMLElement {
  const { text } = words;
  const quiet = (value: string): HTMLElement => el('span', { class: 'muted' }, value);
  const stated = (value: string | undefined): Child => (value ? foreign(value) : quiet(text('notStated')));
  const figure = (value: number | undefined): Child =>
    value === undefined ? quiet(text('notStated')) : words.precise(value);
  const list = (values: readonly string[]): Child =>
    values.length > 0
      ? el('span', { class: 'chips' }, ...values.map((value) => foreign(value, 'chip')))
      : quiet(text('none'));

  const rows: (readonly [keyof PanelTexts, ...Child[]] | undefined)[] = [
    ['factBase', stated(details.baseModel)],
    ['factVerdict', verdictMark(words, details.verdict)], // Its reason stands in the head.
    ['factSigner', ...signer(words, details)],
    ['factSources', ...sources(words, details, connected)],
    ['factRooms', list(roomLabels(details.rooms, engine))],
    ['factSize', words.bytes(details.bytes)],
    ['factFormat', FORMATS[details.format]],
    ['factArchitecture', stated(details.architecture)],
    ['factRank', figure(details.rank)],
    ['factAlpha', figure(details.alpha)],
    ['factScale', figure(details.scale)],
    ['factTargets', list(details.targets)],
    ['factPairs', words.number(details.pairs)],
    ['factParameters', details.parameters === undefined ? quiet(text('notStated')) : words.compact(details.parameters)],
    ['factType', stated(details.dtype)],
    ['factLicense', stated(details.license)],
    details.version === undefined ? undefined : ['factVersion', foreign(details.version)],
    details.createdAt === undefined
      ? undefined
      : ['factCreated', el('span', { title: words.date(details.createdAt) }, words.ago(details.createdAt))],
    details.tags.length > 0 ? ['factTags', list(details.tags)] : undefined,
    details.lineage === undefined && details.parents.length > 0
      ? ['factParents', ...details.parents.map((id) => el('code', {}, id))]
      : undefined,
    details.lineage === undefined ? undefined : ['factLineage', ...lineage(words, details.lineage)],
    details.models.length > 0 ? ['factModels', list(details.models)] : undefined,
    details.path === undefined ? undefined : ['factPath', el('bdi', { class: 'path' }, details.path)],
    ['factId', el('code', {}, details.id)],
  ];
  return el(
    'dl',
    { class: 'facts' },
    ...rows
      .filter((row) => row !== undefined)
      .map(([key, ...value]) => el('div', {}, el('dt', {}, text(key)), el('dd', {}, ...value))),
  );
}

/** Each part with its weight, then how they were put together. */
function lineage(words: Words, { method, parts, rank }: NonNullable<AdapterDetails['lineage']>): Child[] {
  const items = parts.map(({ id, name, weight }) =>
    el(
      'li',
      {},
      name ? foreign(name) : id ? el('code', {}, id.slice(0, 16)) : words.text('lineageUnnamed'),
      ' ',
      el('span', { class: 'muted', title: id }, words.text('lineageWeight', words.precise(weight))),
    ),
  );
  const how = words.text(METHOD_NAMES[method]);
  return [
    el('ul', {}, ...items),
    el('span', { class: 'reason' }, rank === undefined ? how : words.text('lineageRank', how, rank)),
  ];
}

const FORMATS = { peft: 'PEFT', mlx: 'MLX', gguf: 'GGUF' } as const;

/** The key is what counts: anybody can take a name, so the name never stands alone. */
function signer(words: Words, details: AdapterDetails): Child[] {
  if (!details.signerFingerprint) return [el('span', { class: 'muted' }, words.text('unsigned'))];
  return [
    foreign(details.author),
    ' ',
    el('code', details.authorKey ? { title: details.authorKey } : {}, details.signerFingerprint),
    el('span', { class: 'reason' }, words.text('signerHelp')),
  ];
}

/** Who is only heard of gives something, too: it is dialled when its turn comes. That it may be away is said beforehand. */
function sources(words: Words, details: AdapterDetails, connected: number | undefined): Child[] {
  const all = details.sources.length;
  const count = el('span', all > 0 ? {} : { class: 'muted' }, words.count('sources', all));
  if (connected === undefined || connected >= all || details.isDownloaded || details.isMine) return [count];
  const note = connected === 0 ? words.text('sourcesAway') : words.text('sourcesSome', words.number(connected));
  return [count, el('span', { class: 'reason' }, note)];
}

function roomLabels(rooms: readonly string[], engine: PanelEngine | undefined): string[] {
  return rooms.map((id) => engine?.rooms.find((room) => room.id === id)?.label ?? id);
}
