import type { Logger } from '../log';
import type { Manifest } from '../release/manifest';
import type { Clock } from './clock';
import type { LocalChunks, PartialPackage } from './parts';
import type { RateLimit } from './rate';
import type { SourceSet } from './sourcePool';

export interface LeecherParts<P extends PartialPackage = PartialPackage> {
  readonly sources: SourceSet;
  /** Called once, as soon as the manifest is known to be the one of the content id. */
  readonly openPartial: (manifest: Manifest) => Promise<P>;
  /** Of this download and of all downloads. */
  readonly limits: readonly RateLimit[];
  /** Of what comes from one peer, on top. The same list for peers under the same limits. */
  readonly limitsOf?: (peerKey: string) => readonly RateLimit[];
  /** What other packages here have. */
  readonly local?: LocalChunks;
  /** Bytes of a peer that were right. */
  readonly onDidGet?: (peerKey: string, bytes: number) => void;
  readonly log: Logger;
  readonly clock?: Clock;
}

export interface DownloadOptions {
  /** Ends the download and keeps what is there, as when the engine closes. */
  readonly signal?: AbortSignal;
  /** At most four times a second. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Known from an earlier start: then no source has to send it, and chunks may be here. */
  readonly manifest?: Manifest;
  /** Size of the package as its author says, so that more can be asked before the manifest is here. */
  readonly expectedBytes?: number;
}

export interface DownloadProgress {
  /** `waiting`: nobody gives us anything at the moment. */
  readonly phase: 'waiting' | 'running' | 'paused';
  readonly bytesDone: number;
  /** 0 until the manifest is there. */
  readonly bytesTotal: number;
  /** Verified bytes per second over the last seconds. */
  readonly rate: number;
  /** Peers that we fetch from now. */
  readonly sources: number;
  /** Peers that offer it now, whether they can give something or not. */
  readonly peers: number;
}

export interface DownloadResult<P extends PartialPackage = PartialPackage> {
  /** Every chunk is held. The caller owns it now and finishes it. */
  readonly partial: P;
  /** How many peers gave chunks. */
  readonly sources: number;
  readonly resumedBytes: number;
  /** Bytes that came although they were held, or that were wrong. */
  readonly refetchedBytes: number;
  /** Bytes that another package on this disk had. */
  readonly copiedBytes: number;
  readonly seconds: number;
}
