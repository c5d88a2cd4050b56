import path from 'node:path';
import { MAX_PACKAGE_BYTES } from '../../src/engine/limits';
import { writeLargeAdapter } from '../adapters';
import type { Ground } from '../ground';
import type { DriveCalls } from '../peers/drivePeer';
import type { TorrentCalls } from '../peers/torrentPeer';
import { digestOf, syncFiles } from './carried';
import type { Place } from './place';

/** With a block of layers less, header, config and card have room in the largest package. */
const MAX_BYTES = MAX_PACKAGE_BYTES - 16 * 1024 ** 2;

/** The adapter that is carried, and what others need to carry it, made when it is asked for first. */
export class Cargo {
  #torrent: Promise<string> | undefined;
  #drive: Promise<{ readonly store: string; readonly drive: string }> | undefined;

  private constructor(
    private readonly ground: Ground,
    readonly place: Place,
    readonly folder: string,
    /** The weights, nearly all of it. */
    readonly file: string,
    readonly bytes: number,
    readonly digest: string,
  ) {}

  static async make(ground: Ground, place: Place, size: number): Promise<Cargo> {
    const { folder, weightsPath, bytes } = await writeLargeAdapter(
      ground.newFolder(place.folder),
      Math.min(size, MAX_BYTES),
    );
    await syncFiles(folder);
    return new Cargo(ground, place, folder, weightsPath, bytes, await digestOf(weightsPath));
  }

  newFolder(): string {
    return this.ground.newFolder(this.place.folder);
  }

  /** Base64 of the torrent file. */
  torrent(): Promise<string> {
    return (this.#torrent ??= this.#makeTorrent());
  }

  /** A drive with a copy of the adapter. */
  drive(): Promise<{ readonly store: string; readonly drive: string }> {
    return (this.#drive ??= this.#makeDrive());
  }

  /** Where the weights are in a folder that has the adapter. */
  in(folder: string): string {
    return path.join(folder, path.basename(this.file));
  }

  async #makeTorrent(): Promise<string> {
    const peer = this.ground.start<TorrentCalls>('torrentPeer');
    return await peer.ask('make', { path: this.file }).finally(() => peer.kill());
  }

  async #makeDrive(): Promise<{ readonly store: string; readonly drive: string }> {
    const store = this.newFolder();
    const peer = this.ground.start<DriveCalls>('drivePeer');
    const drive = await peer.ask('make', { store, folder: this.folder }).finally(() => peer.kill());
    await syncFiles(store);
    return { store, drive };
  }
}
