import { LoraSwarmError } from '../engine/errors';
import type { ServiceClient } from '../service/client';
import { facts, formatBytes } from './format';
import { readPassphrase } from './passphrase';
import { settled, type Verb } from './verbContext';

/** The engine closes in 3 s at most, and the next one opens in one. */
const RESTART_MS = 10_000;

export const identity: Verb = async ({ engine, output, signal }) => {
  const client = await engine();
  const found = await client.wish('identity', {}, { signal });
  output.result(
    found,
    facts([
      ['name', found.name || '(none: lora-swarm config set identity.displayName NAME)'],
      ['fingerprint', found.fingerprint],
      ['key', found.key],
      ...(found.isRevoked ? ([['state', 'revoked: lora-swarm identity rotate gives you a new key']] as const) : []),
    ]),
  );
};

export const identityBackup: Verb = async (context) => {
  const { args, engine, output, signal, resolve } = context;
  const path = resolve(args.words[0]!);
  const passphrase = await readPassphrase(context, true);
  const client = await engine();
  const isReplacing = args.options.replace === true;
  const made = await client.wish('backUpIdentity', { path, passphrase, isReplacing }, { signal });
  output.result(made, [
    `Wrote ${path} (${formatBytes(made.bytes)}): your key, ${made.rooms} rooms and a list of ${made.shared} shared adapters.`,
    'Weights are not in it. Whoever has the file and the passphrase is you; without the passphrase nobody can open it.',
  ]);
};

export const identityRestore: Verb = async (context) => {
  const { args, engine, output, signal, resolve } = context;
  const path = resolve(args.words[0]!);
  const passphrase = await readPassphrase(context, false);
  const client = await engine();
  const isReplacing = args.options.replace === true;
  const restored = await client.wish('restoreIdentity', { path, passphrase, isReplacing }, { signal });
  await untilKey(client, restored.key, signal);
  output.result(restored, [
    `You are ${restored.name || restored.fingerprint} again (${restored.fingerprint}), as on ${new Date(restored.createdAt).toISOString().slice(0, 10)}.`,
    ...restored.rooms.map(({ label, id }) => `  room ${label} (${id})`),
    ...(restored.shared.length > 0 ? ['Shared there, and to be shared again from their files here:'] : []),
    ...restored.shared.map(({ name, id }) => `  ${name} (${id.slice(0, 8)})`),
    'Use the identity on one machine at a time: two that are online with one key disturb each other.',
  ]);
};

export const identityRotate: Verb = async ({ args, engine, output, signal }) => {
  if (args.options.yes !== true)
    throw new LoraSwarmError(
      'CONFIRM_NEEDED',
      'This gives you a new key for good. Others take the two for one author as soon as a room tells them; a backup of before has the old key. Add --yes to go on.',
    );
  const client = await engine();
  const moved = await client.wish('rotateIdentity', {}, { signal });
  await untilKey(client, moved.key, signal);
  output.result(moved, [
    ...facts([
      ['old key', moved.oldKey],
      ['new key', moved.key],
    ]),
    moved.isLinked
      ? 'What the old key signed counts as yours. Your rooms hear of it as you meet their members.'
      : 'The old key counts no more, so nothing links the two: tell people yourself.',
    'Make a new backup: lora-swarm identity backup FILE',
  ]);
};

export const identityRevocation: Verb = async ({ args, engine, output, signal, resolve }) => {
  const client = await engine();
  const isReplacing = args.options.replace === true;
  const made = await client.wish('exportRevocation', { path: resolve(args.words[0]!), isReplacing }, { signal });
  output.result(made, [
    `Wrote ${made.path}. Keep it apart from this machine: it ends your key when that is lost, and does nothing else.`,
  ]);
};

export const identityRevoke: Verb = async ({ args, engine, output, signal, resolve }) => {
  const client = await engine();
  const isOwnConfirmed = args.options.yes === true;
  const revoked = await client.wish('revokeKey', { path: resolve(args.words[0]!), isOwnConfirmed }, { signal });
  output.result(revoked, [
    `${revoked.fingerprint} counts no more. Your rooms hear of it as you meet their members, and pass it on.`,
    ...(revoked.isOwn ? ['That was your present key. Get a new one: lora-swarm identity rotate --yes'] : []),
  ]);
};

/** Whichever engine leads next; the one that asked may be attached to an editor's. */
async function untilKey(client: ServiceClient, key: string, signal: AbortSignal): Promise<void> {
  const ask = () => client.wish('identity', {}, { signal }).catch(() => undefined);
  const found = await settled(ask, (answer) => answer?.key === key, RESTART_MS, signal);
  if (found?.key !== key && !signal.aborted)
    throw new LoraSwarmError(
      'ENGINE_UNREACHABLE',
      'It is written down and counts from the next start on. Reload the window that runs LoRA Swarm, or start it again.',
    );
}
