import { findTarget } from '../engine/registry/findTarget';
import type { TransferState } from '../engine/state';
import type { ServiceClient } from '../service/client';
import { usage } from './args';
import { formatBytes, shortId, table } from './format';
import { orNull, type Verb, type VerbContext } from './verbContext';

const PLACES = ['first', 'up', 'down', 'last'] as const;

export const transfers: Verb = async ({ engine, output, signal }) => {
  const client = await engine();
  const { transfers: found } = await client.wish('state', {}, { signal });
  const rows = found.map((transfer) => [
    shortId(transfer.id),
    transfer.name,
    transfer.direction === 'download' ? 'down' : 'up',
    formatBytes(transfer.bytesDone),
    formatBytes(transfer.bytesTotal),
    phaseText(transfer),
  ]);
  output.result(
    { transfers: found.map(fieldsOf) },
    rows.length === 0 ? ['Nothing is transferred.'] : table(['ID', 'NAME', 'WAY', 'DONE', 'OF', 'STATE'], rows),
  );
};

export const pause: Verb = async (context) => {
  const { client, transfer } = await chosen(context);
  await client.wish('pause', { id: transfer.id }, { signal: context.signal });
  await showAfter(context, client, transfer);
};

export const resume: Verb = async (context) => {
  const { client, transfer } = await chosen(context);
  await client.wish('resume', { id: transfer.id }, { signal: context.signal });
  await showAfter(context, client, transfer);
};

export const cancel: Verb = async (context) => {
  const { client, transfer } = await chosen(context);
  await client.wish('cancel', { id: transfer.id }, { signal: context.signal });
  context.output.result({ id: transfer.id, name: transfer.name }, [`Cancelled ${transfer.name}.`]);
};

export const move: Verb = async (context) => {
  const word = context.args.words[1];
  const to = PLACES.find((place) => place === word);
  if (to === undefined) throw usage(`Where to? Use one of ${PLACES.join(', ')}, not "${word}".`);
  const { client, transfer } = await chosen(context);
  await client.wish('moveDownload', { id: transfer.id, to }, { signal: context.signal });
  await showAfter(context, client, transfer);
};

/** The download that the command names. @throws {LoraSwarmError} `ID_UNKNOWN`, `ID_AMBIGUOUS` */
async function chosen({
  args,
  engine,
  signal,
}: VerbContext): Promise<{ client: ServiceClient; transfer: TransferState }> {
  const client = await engine();
  const { transfers: all } = await client.wish('state', {}, { signal });
  const downloads = all.filter(({ direction }) => direction === 'download');
  return { client, transfer: findTarget(args.words[0]!, downloads) };
}

async function showAfter({ output, signal }: VerbContext, client: ServiceClient, before: TransferState): Promise<void> {
  const { transfers: all } = await client.wish('state', {}, { signal });
  const now = all.find(({ id, direction }) => id === before.id && direction === 'download') ?? before;
  output.result(fieldsOf(now), [`${now.name}: ${phaseText(now)}`]);
}

function fieldsOf({ secondsLeft, place, peers, problem, ...transfer }: TransferState): object {
  return {
    ...transfer,
    secondsLeft: orNull(secondsLeft),
    place: orNull(place),
    peers: orNull(peers),
    problem: orNull(problem),
  };
}

/** What it does, or why it does nothing. */
export function phaseText({
  phase,
  rate,
  sources,
  secondsLeft,
  place,
  peers,
  problem,
  direction,
}: TransferState): string {
  switch (phase) {
    case 'running':
      return [
        `${formatBytes(rate)}/s`,
        direction === 'upload' ? `to ${count(sources, 'peer')}` : `from ${count(sources, 'source')}`,
        ...(secondsLeft === undefined ? [] : [`${secondsLeft} s left`]),
      ].join(', ');
    case 'queued':
      return place === undefined ? 'in the queue' : `in the queue, place ${place}`;
    case 'waiting':
      return problem?.message ?? (peers ? `waiting for ${count(peers, 'source')}` : 'waiting for a source');
    case 'paused':
    case 'failed':
      return problem?.message ?? phase;
    case 'verifying':
    case 'done':
    case 'cancelled':
      return phase;
  }
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
