import path from 'node:path';
import { writePeftAdapter } from '../../helpers/writeAdapter';
import { runFolder, type Ground } from '../ground';
import type { Photographer } from '../photographer';
import { writeFiles } from '../profile';
import type { SwarmWindow } from '../swarmWindow';
import { TerminalPeer } from '../terminalPeer';

/** What every scene plays on. */
export interface Stage {
  readonly window: SwarmWindow;
  readonly photographer: Photographer;
  readonly ground: Ground;
  /** By name. */
  readonly peers: Map<string, TerminalPeer>;
  /** Code of the private room. */
  readonly code: string;
}

/** The private room that all are in. */
export const ROOM = 'lab';

/** Who is in the room, and what they share: name to the fixture that it is made of. */
export const PEERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ana: { 'sql-coder': 'trained-r16', 'unit-tests': 'all-r8' },
  kim: { 'pt-chat': 'rslora-r8', 'commit-style': 'qv-r4', 'release-notes': 'patterns' },
};

/** All of them share this one: 19 MB, and at this rate there is time to look at its download. */
export const LARGE = { name: 'legal-summary', hidden: 3_072, blocks: 28, rank: 16, base: 'meta-llama/Llama-3.2-3B' };
const UPLOAD_LIMIT = '500KB';

/** A terminal of its own for a user who has entered the room by this code, and does nothing yet. */
export async function enterRoom({ window, ground, peers }: Stage, name: string, code: string): Promise<TerminalPeer> {
  const peer = new TerminalPeer({ cli: window.cli, home: path.join(homeOf(window, name), 'home'), env: ground.env });
  peers.set(name, peer);
  await peer.run('config', 'set', 'identity.displayName', name);
  await peer.run('config', 'set', 'transfer.uploadLimit', UPLOAD_LIMIT);
  await peer.run('room', 'join', code, '--name', ROOM);
  return peer;
}

/** Shares what this peer has according to `PEERS`, and stays. */
export async function openStall(stage: Stage, name: string): Promise<void> {
  const peer = await enterRoom(stage, name, stage.code);
  const home = homeOf(stage.window, name);
  await writePeftAdapter(path.join(home, LARGE.name), LARGE);
  for (const [adapter, fixture] of [...Object.entries(PEERS[name] ?? {}), [LARGE.name]] as const) {
    if (fixture !== undefined) writeFiles(home, runFolder(adapter, fixture));
    await shareFolder(peer, path.join(home, adapter), `${name}/${adapter}`);
  }
  await peer.stay('serve');
}

export async function shareFolder(peer: TerminalPeer, folder: string, name: string): Promise<void> {
  await peer.run('share', folder, '--room', ROOM, '--name', name, '--license', 'apache-2.0', '--no-wait');
}

export function homeOf(window: SwarmWindow, name: string): string {
  return path.join(window.profile.folder, name);
}
